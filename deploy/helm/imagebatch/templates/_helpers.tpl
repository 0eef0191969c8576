{{/* Labels of every object. Names are fixed, not prefixed by the release: the components know them,
and two releases in one namespace would fight over the same batches. */}}
{{- define "imagebatch.labels" -}}
app.kubernetes.io/part-of: imagebatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* Image reference: (list $ name). A name with a tag or digest is taken as it is; one that begins with
the host of a registry gets the tag alone. */}}
{{- define "imagebatch.image" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- if or (contains "@" $name) (contains ":" (base $name)) -}}
{{- $name -}}
{{- else -}}
{{- $first := first (splitList "/" $name) -}}
{{- if not (and (contains "/" $name) (or (contains "." $first) (contains ":" $first) (eq $first "localhost"))) -}}
{{- $registry := required (printf "images.registry is required: the registry that holds the images (--set images.registry=registry.example.com/you). Without it %s would be pulled from a public registry, under a name that anybody may take" $name) $root.Values.images.registry -}}
{{- $name = printf "%s/%s" ($registry | trimSuffix "/") $name -}}
{{- end -}}
{{- printf "%s:%s" $name ($root.Values.images.tag | default $root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- define "imagebatch.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Namespaces the operator watches, as JSON; empty list: all. */}}
{{- define "imagebatch.watched" -}}
{{- if .Values.namespaces -}}
{{- include "imagebatch.listed" (list . .Values.namespaces) -}}
{{- else -}}
[]
{{- end -}}
{{- end }}

{{/* Namespaces that get the runner's objects, as JSON. */}}
{{- define "imagebatch.runnerNamespaces" -}}
{{- include "imagebatch.listed" (list . (include "imagebatch.inValues" . | fromJsonArray)) -}}
{{- end }}

{{/* Namespaces that the values name, as JSON. A list that is left empty is null. */}}
{{- define "imagebatch.inValues" -}}
{{- concat (.Values.namespaces | default list) (.Values.runner.namespaces | default list) | uniq | toJson -}}
{{- end }}

{{/* The release's namespace and those of a list, as JSON: (list $ names). An upgrade leaves out
those that were deleted, which would make it fail. A namespace that exists has the ServiceAccount
`default`; whoever upgrades may read it, since the chart makes others beside it. */}}
{{- define "imagebatch.listed" -}}
{{- $root := index . 0 -}}
{{- $gone := include "imagebatch.gone" $root | fromJsonArray -}}
{{- $found := list $root.Release.Namespace -}}
{{- range index . 1 -}}
{{- if not (has . $gone) -}}
{{- $found = append $found . -}}
{{- end -}}
{{- end -}}
{{- $found | uniq | sortAlpha | toJson -}}
{{- end }}

{{/* Namespaces of the values that do not exist any more, as JSON. Empty when Helm renders without a
cluster, and on the first installation. */}}
{{- define "imagebatch.gone" -}}
{{- $gone := list -}}
{{- if and .Release.IsUpgrade (lookup "v1" "ServiceAccount" .Release.Namespace "default") -}}
{{- range concat (include "imagebatch.inValues" . | fromJsonArray) (.Values.gateway.namespaces | default list) | uniq -}}
{{- if not (lookup "v1" "ServiceAccount" . "default") -}}
{{- $gone = append $gone . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $gone | toJson -}}
{{- end }}

{{- define "imagebatch.store" -}}
{{- $bucket := required "s3.bucket is required: the bucket that holds inputs and outputs (--set s3.bucket=NAME)" .Values.s3.bucket -}}
{{- with .Values.s3.prefix | trimAll "/" -}}
{{- printf "s3://%s/%s" $bucket . -}}
{{- else -}}
{{- printf "s3://%s" $bucket -}}
{{- end -}}
{{- end }}

{{/* Namespaces beside the release's own that the gateway serves, as JSON. */}}
{{- define "imagebatch.gatewayNamespaces" -}}
{{- without (include "imagebatch.listed" (list . (.Values.gateway).namespaces) | fromJsonArray) .Release.Namespace | toJson -}}
{{- end }}

{{/* The Secrets with the key pairs of the gateway's further namespaces, as JSON: namespace to its access.
They lie in the release's namespace, so each needs a name of its own. */}}
{{- define "imagebatch.gatewayKeys" -}}
{{- $found := dict -}}
{{- $taken := list (include "imagebatch.s3Access" (list . .Release.Namespace) | fromJson).name -}}
{{- range include "imagebatch.gatewayNamespaces" . | fromJsonArray -}}
{{- $access := include "imagebatch.s3Access" (list $ .) | fromJson -}}
{{- if and $access.own $access.name -}}
{{- if has $access.name $taken -}}
{{- fail (printf "s3.credentials.%s.secretName: the gateway needs this Secret in namespace %s as well, where another key pair has the name %s. Give it a name of its own" . $.Release.Namespace $access.name) -}}
{{- end -}}
{{- $taken = append $taken $access.name -}}
{{- $_ := set $found . $access -}}
{{- end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end }}

{{/* Where clients outside of the cluster reach the gateway; empty if nothing says it. */}}
{{- define "imagebatch.externalUrl" -}}
{{- if (.Values.gateway).externalUrl -}}
{{- (.Values.gateway).externalUrl | trimSuffix "/" -}}
{{- else if ((.Values.gateway).ingress).enabled -}}
{{- printf "%s://%s" (((.Values.gateway).ingress).tlsSecret | empty | ternary "http" "https") ((.Values.gateway).ingress).host -}}
{{- end -}}
{{- end }}

{{- define "imagebatch.gatewayUrl" -}}
{{- if include "imagebatch.externalUrl" . -}}
{{- include "imagebatch.externalUrl" . -}}
{{- else if (.Values.gateway).enabled -}}
{{- $port := int (.Values.gateway).service.port -}}
{{- printf "http://imagebatch-gateway.%s.svc%s" .Release.Namespace (eq $port 80 | ternary "" (printf ":%d" $port)) -}}
{{- end -}}
{{- end }}

{{- define "imagebatch.publicBaseUrl" -}}
{{- if .Values.s3.publicBaseUrl -}}
{{- .Values.s3.publicBaseUrl | trimSuffix "/" -}}
{{- else -}}
{{- $gateway := include "imagebatch.gatewayUrl" . -}}
{{- required "without a gateway nothing serves the outputs: set s3.publicBaseUrl" $gateway }}/files
{{- end -}}
{{- end }}

{{- define "imagebatch.s3Endpoint" -}}
{{- if .Values.s3.endpoint -}}
{{- .Values.s3.endpoint -}}
{{- else if (.Values.localS3).enabled -}}
http://imagebatch-local-s3.{{ .Release.Namespace }}.svc:8333
{{- end -}}
{{- end }}

{{/* Where the objects are, for gateway and runner, which also name their outputs' public address. */}}
{{- define "imagebatch.storeEnv" -}}
IMAGEBATCH_PUBLIC_BASE_URL: {{ include "imagebatch.publicBaseUrl" . | quote }}
{{ include "imagebatch.storeAddress" . }}
{{- end }}

{{/* Where the objects are, for whoever opens the store. */}}
{{- define "imagebatch.storeAddress" -}}
IMAGEBATCH_STORE: {{ include "imagebatch.store" . | quote }}
AWS_REGION: {{ .Values.s3.region | quote }}
{{- with include "imagebatch.s3Endpoint" . }}
AWS_ENDPOINT_URL: {{ . | quote }}
{{- end }}
{{- end }}

{{/* The S3 key pair of a namespace, as JSON: (list $ namespace). `name` is the Secret's, "" where the
service account has the rights; `id` and `secret` are keys in it; `own` tells whether the pair is the
namespace's own; `annotations` are those of the service accounts there. */}}
{{- define "imagebatch.s3Access" -}}
{{- $root := index . 0 -}}
{{- $s3 := $root.Values.s3 -}}
{{- $own := get ($s3.credentials | default dict) (index . 1) -}}
{{- $keys := $s3.secretKeys -}}
{{- $name := $s3.existingSecret | default (ternary "imagebatch-s3" "" (not (empty $s3.accessKeyId))) -}}
{{- $annotations := $root.Values.runner.serviceAccountAnnotations | default dict -}}
{{- if $own -}}
{{- $keys = merge dict ($own.secretKeys | default dict) $keys -}}
{{- $name = $own.secretName | default "" -}}
{{- $annotations = $own.serviceAccountAnnotations | default dict -}}
{{- end -}}
{{- dict "name" $name "id" $keys.accessKeyId "secret" $keys.secretAccessKey "own" (not (empty $own)) "annotations" $annotations | toJson -}}
{{- end }}

{{/* Variables with a namespace's S3 key pair: (list $ namespace). Empty without a Secret. */}}
{{- define "imagebatch.s3KeyEnv" -}}
{{- $access := include "imagebatch.s3Access" . | fromJson -}}
{{- with $access.name -}}
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef: {name: {{ . | quote }}, key: {{ $access.id | quote }}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef: {name: {{ . | quote }}, key: {{ $access.secret | quote }}}
{{- end -}}
{{- end }}

{{/* A random text that only who may read the Secret imagebatch-s3 knows. It is kept over upgrades, and
the same for all templates of one rendering. */}}
{{- define "imagebatch.s3Salt" -}}
{{- if not (hasKey .Values.s3 "salt") -}}
{{- $salt := randAlphaNum 32 -}}
{{- with lookup "v1" "Secret" .Release.Namespace "imagebatch-s3" -}}
{{- $salt = get (.data | default dict) "salt" | b64dec | default $salt -}}
{{- end -}}
{{- $_ := set .Values.s3 "salt" $salt -}}
{{- end -}}
{{- .Values.s3.salt -}}
{{- end }}

{{- define "imagebatch.signingSecret" -}}
{{- ((.Values.webhook).signing).existingSecret | default "imagebatch-webhook-signing" -}}
{{- end }}

{{/* Secrets that the user keeps and that are not there (yet), each as `namespace/name (keys)`. */}}
{{- define "imagebatch.missingSecrets" -}}
{{- $kept := list -}}
{{- range $namespace := include "imagebatch.runnerNamespaces" . | fromJsonArray -}}
{{- $access := include "imagebatch.s3Access" (list $ $namespace) | fromJson -}}
{{- if and $access.name (or $access.own $.Values.s3.existingSecret) -}}
{{- $kept = append $kept (list $namespace $access.name (printf "%s, %s" $access.id $access.secret)) -}}
{{- end -}}
{{- with $.Values.runner.fetchCredentials.secretName -}}
{{- $kept = append $kept (list $namespace . "credentials.json") -}}
{{- end -}}
{{- end -}}
{{- if (.Values.gateway).enabled -}}
{{- range include "imagebatch.gatewayKeys" . | fromJson -}}
{{- $kept = append $kept (list $.Release.Namespace .name (printf "%s, %s" .id .secret)) -}}
{{- end -}}
{{- end -}}
{{- with ((.Values.webhook).signing).existingSecret -}}
{{- $kept = append $kept (list $.Release.Namespace . "secret") -}}
{{- end -}}
{{- range $kept -}}
{{- if not (lookup "v1" "Secret" (index . 0) (index . 1)) }}
  {{ index . 0 }}/{{ index . 1 }} ({{ index . 2 }})
{{- end -}}
{{- end -}}
{{- end }}

{{/* As the restricted Pod Security Standard asks. */}}
{{- define "imagebatch.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "imagebatch.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* The operator's placement with what a quick failover takes: its pods leave a lost node after 30 s,
not 300, and stand on different nodes where there are several. What the values say comes first. */}}
{{- define "imagebatch.operatorPlacement" -}}
{{- $operator := .Values.operator -}}
{{- $tolerations := $operator.tolerations -}}
{{- $tolerated := list -}}
{{- range $tolerations }}{{- $tolerated = append $tolerated (.key | default "") }}{{- end -}}
{{- range list "node.kubernetes.io/not-ready" "node.kubernetes.io/unreachable" -}}
{{- if not (has . $tolerated) -}}
{{- $tolerations = append $tolerations (dict "key" . "operator" "Exists" "effect" "NoExecute" "tolerationSeconds" 30) -}}
{{- end -}}
{{- end -}}
{{- $spread := $operator.topologySpreadConstraints -}}
{{- if and (not $spread) (gt (int $operator.replicas) 1) -}}
{{- $own := dict "matchLabels" (dict "app.kubernetes.io/name" "imagebatch-operator") -}}
{{- $spread = list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" $own) -}}
{{- end -}}
{{- merge (dict "tolerations" $tolerations "topologySpreadConstraints" $spread) (omit $operator "tolerations" "topologySpreadConstraints") | toYaml -}}
{{- end }}

{{/* Placement of pods: the values' section of a component. */}}
{{- define "imagebatch.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
