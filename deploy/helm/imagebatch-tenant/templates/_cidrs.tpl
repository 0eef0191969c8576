{{/* Arithmetic with CIDRs: a network as text of its bits, so that "lies within" is "starts with". */}}

{{- /* A CIDR or an address, as a CIDR. */ -}}
{{- define "imagebatch.cidr" -}}
{{- if contains "/" . }}{{ . }}{{ else if contains ":" . }}{{ . }}/128{{ else }}{{ . }}/32{{ end }}
{{- end }}

{{- /* "4" or "6", then the bits of the network: 10.0.0.0/8 is 400001010. */ -}}
{{- define "imagebatch.cidrBits" -}}
{{- $parts := splitList "/" (include "imagebatch.cidr" .) }}
{{- $address := first $parts }}
{{- $bits := "" }}
{{- if contains ":" $address }}
{{- $halves := splitList "::" $address }}
{{- $left := include "imagebatch.groupBits" (first $halves) }}
{{- $right := include "imagebatch.groupBits" (last $halves) }}
{{- if eq (len $halves) 1 }}{{ $right = "" }}{{ end }}
{{- $bits = printf "%s%s%s" $left (repeat (int (sub (sub 128 (len $left)) (len $right))) "0") $right }}
{{- else }}
{{- $bits = include "imagebatch.octetBits" $address }}
{{- end }}
{{- printf "%s%s" (contains ":" $address | ternary "6" "4") (substr 0 (int (last $parts)) $bits) }}
{{- end }}

{{- define "imagebatch.groupBits" -}}
{{- range splitList ":" . }}
{{- if contains "." . }}{{ include "imagebatch.octetBits" . }}
{{- else if . }}{{ printf "%016b" (int64 (printf "0x%s" .)) }}{{ end }}
{{- end }}
{{- end }}

{{- define "imagebatch.octetBits" -}}
{{- range splitList "." . }}{{ printf "%08b" (int64 .) }}{{ end }}
{{- end }}

{{- /* JSON: the IPv4 networks of `cidrs` as they look behind the prefixes of `nat64` that end where
an IPv4 address begins. */ -}}
{{- define "imagebatch.behindNat64" -}}
{{- $found := list }}
{{- $cidrs := .cidrs }}
{{- range .nat64 }}
{{- if hasSuffix "::/96" . }}
{{- $prefix := trimSuffix "::/96" . }}
{{- $prefix = printf "%s%s" $prefix (eq (len (splitList ":" $prefix)) 6 | ternary ":" "::") }}
{{- range $cidrs }}
{{- $parts := splitList "/" (include "imagebatch.cidr" .) }}
{{- if not (contains ":" .) }}{{ $found = append $found (printf "%s%s/%d" $prefix (first $parts) (add 96 (last $parts))) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- toJson $found }}
{{- end }}

{{- /* An ipBlock of `cidr` without the networks of `deny`; nothing where it lies within one. */ -}}
{{- define "imagebatch.ipBlock" }}
{{- $cidr := include "imagebatch.cidr" .cidr }}
{{- $outer := include "imagebatch.cidrBits" $cidr }}
{{- $except := list }}
{{- $closed := false }}
{{- range .deny }}
{{- $inner := include "imagebatch.cidrBits" . }}
{{- if hasPrefix $inner $outer }}{{ $closed = true }}
{{- else if hasPrefix $outer $inner }}{{ $except = append $except (include "imagebatch.cidr" .) }}
{{- end }}
{{- end }}
{{- if not $closed }}
- ipBlock:
    cidr: {{ $cidr | quote }}
    {{- with $except | uniq }}
    except: {{ toJson . }}
    {{- end }}
{{- end }}
{{- end }}
