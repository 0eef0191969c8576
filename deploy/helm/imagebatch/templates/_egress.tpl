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
  {{- $peers := include "imagebatch.internet" . }}
  {{- if not (trim $peers) }}{{ fail "egress.deny closes every address, those of S3 as well: set networkPolicy.s3.to" }}{{ end }}
  to:
    {{- $peers | indent 4 }}
  {{- end }}
{{- end }}
{{- /* JSON: the networks of egress.deny, also as they look behind NAT64. */ -}}
{{- define "imagebatch.denied" -}}
{{- $deny := .Values.egress.deny | default list }}
{{- concat $deny (include "imagebatch.behindNat64" (dict "cidrs" $deny "nat64" .Values.egress.nat64) | fromJsonArray) | toJson }}
{{- end }}
{{- /* Public addresses, those behind NAT64 included, without egress.deny. */ -}}
{{- define "imagebatch.internet" }}
{{- $private := list "0.0.0.0/8" "10.0.0.0/8" "100.64.0.0/10" "127.0.0.0/8" "168.63.129.16/32" "169.254.0.0/16" "172.16.0.0/12" "192.168.0.0/16" "198.18.0.0/15" "224.0.0.0/4" "240.0.0.0/4" }}
{{- $nat64 := .Values.egress.nat64 }}
{{- $closed := concat (include "imagebatch.denied" . | fromJsonArray) $private (list "2001:db8::/32" "2002::/16") }}
{{- $closed = concat $closed (include "imagebatch.behindNat64" (dict "cidrs" $private "nat64" $nat64) | fromJsonArray) }}
{{- range concat (list "0.0.0.0/0" "2000::/3") $nat64 }}
{{- include "imagebatch.ipBlock" (dict "cidr" . "deny" $closed) }}
{{- end }}
{{- end }}
{{- /* What strangers name: public addresses and what egress.allow lets through, both without
egress.deny, and extraEgress. */ -}}
{{- define "imagebatch.strangersEgress" }}
{{- $nat64 := .Values.egress.nat64 }}
{{- $deny := include "imagebatch.denied" . | fromJsonArray }}
{{- $allow := list }}
{{- range .Values.egress.allow }}
{{- if or (contains ":" .) (regexMatch "^[0-9.]+(/.*)?$" .) }}{{ $allow = append $allow . }}{{ end }}
{{- end }}
{{- $allow = concat $allow (include "imagebatch.behindNat64" (dict "cidrs" $allow "nat64" $nat64) | fromJsonArray) }}
{{- $peers := include "imagebatch.internet" . }}
{{- range $allow }}
{{- $peers = print $peers (include "imagebatch.ipBlock" (dict "cidr" . "deny" $deny)) }}
{{- end }}
{{- /* A rule without peers would open everything. */ -}}
{{- if trim $peers }}
- to:
    {{- $peers | indent 4 }}
{{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
