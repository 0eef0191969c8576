{{/* Egress rules of the NetworkPolicies. The address guard of runner and operator refuses the
same ranges; this is a second wall. */}}
{{- define "imagebatch.dnsEgress" }}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
  {{- with .Values.networkPolicy.dns.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- /* The API server, by the first of these that there is: apiServer.cidrs; the addresses and ports of the
Service `kubernetes` and of what is behind it, when Helm renders with a cluster; every address but those
that are never an API server's. */ -}}
{{- define "imagebatch.apiServerEgress" }}
{{- $settings := .Values.networkPolicy.apiServer }}
{{- $ports := $settings.ports }}
{{- $cidrs := $settings.cidrs | default list }}
{{- if and $settings.lookup (not (or $cidrs $settings.anyAddress)) }}
{{- $found := include "imagebatch.apiServerFound" . | fromJson }}
{{- $cidrs = $found.cidrs }}
{{- $ports = concat $ports $found.ports | uniq }}
{{- end }}
- ports:
    {{- range $ports }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
  {{- if not $settings.anyAddress }}
  to:
    {{- range $cidrs }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- else }}
    {{- $never := list "0.0.0.0/8" "127.0.0.0/8" "168.63.129.16/32" "169.254.0.0/16" "224.0.0.0/3" "::/127" "fe80::/10" "ff00::/8" "fd00:ec2::254/128" }}
    {{- range list "0.0.0.0/0" "::/0" }}
    {{- include "imagebatch.ipBlock" (dict "cidr" . "deny" $never) | indent 4 }}
    {{- end }}
    {{- end }}
  {{- end }}
{{- end }}
{{- /* JSON: `cidrs` and `ports` of the API server, as the cluster tells them; empty without a cluster. */ -}}
{{- define "imagebatch.apiServerFound" -}}
{{- $cidrs := list }}
{{- $ports := list }}
{{- with lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes" }}
{{- range .endpoints }}{{ range .addresses }}{{ $cidrs = append $cidrs (include "imagebatch.cidr" .) }}{{ end }}{{ end }}
{{- range .ports }}{{ $ports = append $ports (int .port) }}{{ end }}
{{- end }}
{{- if $cidrs }}
{{- with lookup "v1" "Service" "default" "kubernetes" }}
{{- range .spec.clusterIPs }}{{ $cidrs = append $cidrs (include "imagebatch.cidr" .) }}{{ end }}
{{- end }}
{{- end }}
{{- dict "cidrs" ($cidrs | uniq) "ports" $ports | toJson }}
{{- end }}
{{- /* The object store, by the first of these that holds: s3.to; the store of localS3; an address; a
name of the cluster, whose Services may lie at any port of their pods; a public name. A name of two
labels may be either: a Service and its namespace, or public. */ -}}
{{- define "imagebatch.s3Egress" }}
{{- $policy := .Values.networkPolicy.s3 }}
{{- $endpoint := include "imagebatch.s3Endpoint" . }}
{{- $url := urlParse ($endpoint | default "https://aws.public.invalid") }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (eq $url.scheme "http" | ternary "80" "443") }}
{{- $ports := $policy.ports | default (list $port) }}
{{- $host := regexReplaceAll ":[0-9]+$" $url.host "" | trimAll "[]" | trimSuffix "." }}
{{- $labels := splitList "." $host }}
{{- $isAddress := or (contains ":" $host) (regexMatch "^[0-9.]+$" $host) }}
{{- if $policy.to }}
{{ include "imagebatch.egressRule" (dict "ports" $ports "peers" (toYaml $policy.to)) }}
{{- else if and (.Values.localS3).enabled (not .Values.s3.endpoint) }}
{{- $peer := dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .Release.Namespace)) "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/name" "imagebatch-local-s3")) }}
{{ include "imagebatch.egressRule" (dict "ports" (list 8333) "peers" (toYaml (list $peer))) }}
{{- else if $isAddress }}
{{ include "imagebatch.egressRule" (dict "ports" $ports "peers" (toYaml (list (dict "ipBlock" (dict "cidr" (include "imagebatch.cidr" $host)))))) }}
{{- else if eq (len $labels) 1 }}
{{ include "imagebatch.egressRule" (dict "ports" $policy.ports "peers" (toYaml (list (dict "podSelector" dict)))) }}
{{- else }}
{{- $isService := and (gt (len $labels) 2) (eq (index (append $labels "") 2) "svc") }}
{{- if or $isService (eq (len $labels) 2) }}
{{- $namespace := dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" (index $labels 1))) }}
{{ include "imagebatch.egressRule" (dict "ports" $policy.ports "peers" (toYaml (list $namespace))) }}
{{- end }}
{{- if not $isService }}
{{- $peers := include "imagebatch.internet" . }}
{{- if not (trim $peers) }}{{ fail "egress.deny closes every address, those of S3 as well: set networkPolicy.s3.to" }}{{ end }}
{{ include "imagebatch.egressRule" (dict "ports" $ports "peers" $peers) }}
{{- end }}
{{- end }}
{{- end }}
{{- /* A rule: `peers` as YAML, and TCP `ports`; without ports, every port. */ -}}
{{- define "imagebatch.egressRule" -}}
- to:
    {{- .peers | trim | nindent 4 }}
  {{- with .ports }}
  ports:
    {{- range . }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
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
