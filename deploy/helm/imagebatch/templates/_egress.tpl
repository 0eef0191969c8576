{{/* Egress rules of the NetworkPolicies. The address guard of runner and operator refuses the
same ranges; this is a second wall. */}}
{{- define "imagebatch.dnsEgress" }}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}
{{- define "imagebatch.apiServerEgress" }}
- ports:
    {{- range .Values.networkPolicy.apiServer.ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .Values.networkPolicy.apiServer.cidrs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end }}
{{- define "imagebatch.s3Egress" }}
{{- $endpoint := include "imagebatch.s3Endpoint" . }}
{{- $url := urlParse ($endpoint | default "https://aws") }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (eq $url.scheme "http" | ternary "80" "443") }}
- ports:
    - {protocol: TCP, port: {{ $port }}}
  {{- if .Values.networkPolicy.s3.to }}
  to:
    {{- toYaml .Values.networkPolicy.s3.to | nindent 4 }}
  {{- else if not $endpoint }}
  to:
    {{- include "imagebatch.internet" . | indent 4 }}
  {{- end }}
{{- end }}
{{- define "imagebatch.internet" }}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 168.63.129.16/32, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/4, 240.0.0.0/4]
- ipBlock:
    cidr: 2000::/3
    except: ["2001:db8::/32", "2002::/16"]
{{- end }}
{{- /* What strangers name: public addresses, what egress.allow lets through, and extraEgress. */ -}}
{{- define "imagebatch.strangersEgress" }}
- to:
    {{- include "imagebatch.internet" . | indent 4 }}
    {{- range .Values.egress.allow }}
    {{- if contains "/" . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- else if regexMatch "^[0-9.]+$" . }}
    - ipBlock: {cidr: {{ printf "%s/32" . | quote }}}
    {{- else if contains ":" . }}
    - ipBlock: {cidr: {{ printf "%s/128" . | quote }}}
    {{- end }}
    {{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
