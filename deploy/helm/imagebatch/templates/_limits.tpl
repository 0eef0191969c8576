{{/* JSON of what one batch may take: IMAGEBATCH_CEILINGS of operator and gateway, CEILINGS of a tenant. Empty: anything. */}}
{{- define "imagebatch.ceilings" -}}
{{- $limits := .Values.limits -}}
{{- $all := dict -}}
{{- with $limits.parallelism }}{{ $_ := set $all "parallelism" (int64 .) }}{{ end -}}
{{- with $limits.images }}{{ $_ := set $all "images" (int64 .) }}{{ end -}}
{{- $range := dict -}}
{{- range $bound := list "from" "to" -}}
{{- with index $limits.imagesPerShard $bound }}{{ $_ := set $range $bound (int64 .) }}{{ end -}}
{{- end -}}
{{- if and $range.from $range.to (gt $range.from $range.to) -}}
{{- fail (printf "limits.imagesPerShard: from %d is more than to %d" $range.from $range.to) -}}
{{- end -}}
{{- with $range }}{{ $_ := set $all "imagesPerShard" . }}{{ end -}}
{{- with $all }}{{ toJson . }}{{ end -}}
{{- end }}
