{{- define "automap.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "automap.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "automap.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "automap.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "automap.selectorLabels" -}}
app.kubernetes.io/name: {{ include "automap.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "automap.labels" -}}
{{ include "automap.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "automap.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "automap.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "automap.tokenSecret" -}}
{{- default (printf "%s-tokens" (include "automap.fullname" .)) .Values.auth.existingSecret -}}
{{- end -}}

{{- define "automap.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "automap.scheme" -}}
{{- if .Values.tls.existingSecret -}}https{{- else -}}http{{- end -}}
{{- end -}}

{{- /* Whether incidents are in a database elsewhere. */ -}}
{{- define "automap.postgres" -}}
{{- if (.Values.config.store | default dict).postgres -}}true{{- end -}}
{{- end -}}

{{- /* The configuration: what the chart knows, with `config` over it. */ -}}
{{- define "automap.config" -}}
{{- $api := dict "listen" "0.0.0.0:9977" -}}
{{- if .Values.auth.insecureNoAuth -}}
{{- $name := include "automap.fullname" . -}}
{{- $hosts := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) (printf "%s.%s.svc.cluster.local" $name .Release.Namespace) -}}
{{- if .Values.ingress.enabled -}}{{- $hosts = concat $hosts .Values.ingress.hosts -}}{{- end -}}
{{- if .Values.httpRoute.enabled -}}{{- $hosts = concat $hosts .Values.httpRoute.hostnames -}}{{- end -}}
{{- $_ := set $api "insecure_no_auth" true -}}
{{- $_ := set $api "hosts" $hosts -}}
{{- else -}}
{{- $tokens := list -}}
{{- range .Values.auth.tokens -}}
{{- $tokens = append $tokens (dict "name" .name "role" .role "from" (dict "file" (printf "/etc/automap/tokens/%s" .key))) -}}
{{- end -}}
{{- if $tokens -}}{{- $_ := set $api "auth" (dict "tokens" $tokens) -}}{{- end -}}
{{- end -}}
{{- if .Values.metrics.open -}}{{- $_ := set $api "open_metrics" true -}}{{- end -}}
{{- if .Values.tls.existingSecret -}}
{{- $_ := set $api "tls" (dict "cert_file" "/etc/automap/tls/tls.crt" "key_file" "/etc/automap/tls/tls.key") -}}
{{- end -}}
{{- $base := dict "api" $api -}}
{{- if not (include "automap.postgres" .) -}}{{- $_ := set $base "store" (dict "file" "/var/lib/automap/automap.db") -}}{{- end -}}
{{- $config := mergeOverwrite $base (deepCopy .Values.config) -}}
{{- $targets := $config.targets | default list -}}
{{- with .Values.target -}}
{{- if .namespace -}}
{{- $url := required "target.prometheus is empty: the address of Prometheus, such as http://prometheus.istio-system:9090" .prometheus -}}
{{- $targets = append $targets (dict "name" (default .namespace .name) "namespace" .namespace "prometheus" (dict "url" $url)) -}}
{{- end -}}
{{- end -}}
{{- if not $targets -}}
{{- fail "nothing to watch: set target.namespace and target.prometheus, or config.targets" -}}
{{- end -}}
{{- $_ := set $config "targets" $targets -}}
{{- if not (or .Values.auth.insecureNoAuth $config.api.auth) -}}
{{- fail "no client could authenticate: set auth.tokens, config.api.auth or auth.insecureNoAuth" -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- /* Whether only the cluster knows a host: a bare name, or one that ends like a service's. Takes a URL; "true" or nothing. */ -}}
{{- define "automap.isInside" -}}
{{- $host := regexReplaceAll "^[a-z]+://([^@/]*@)?" . "" | regexFind "^(\\[[^\\]]*\\]|[^:/?#]*)" -}}
{{- if or (not (contains "." $host | or (contains ":" $host))) (regexMatch "\\.(svc|svc\\.[^/]*|cluster\\.local)$" $host) -}}true{{- end -}}
{{- end -}}

{{- /* The port of a URL. */ -}}
{{- define "automap.port" -}}
{{- $place := regexReplaceAll "^[a-z]+://([^@/]*@)?" . "" | regexFind "^[^/?#]*" -}}
{{- $port := regexFind ":[0-9]+$" $place | trimPrefix ":" -}}
{{- if $port -}}{{ $port }}{{- else if hasPrefix "https://" . -}}443{{- else -}}80{{- end -}}
{{- end -}}

{{- /* The ports that the configuration makes automap connect to, as JSON: inside the cluster only, and anywhere. */ -}}
{{- define "automap.egressPorts" -}}
{{- $config := include "automap.config" . | fromYaml -}}
{{- $urls := list -}}
{{- $anywhere := .Values.networkPolicy.internetPorts | default list -}}
{{- $inside := .Values.networkPolicy.clusterPorts | default list -}}
{{- range $config.targets -}}{{- $urls = append $urls .prometheus.url -}}{{- end -}}
{{- range ($config.mutes | default dict).alertmanagers -}}{{- $urls = append $urls .url -}}{{- end -}}
{{- $notify := $config.notify | default dict -}}
{{- $http := $notify.http | default dict -}}
{{- if $http.proxy -}}
{{- $urls = append $urls $http.proxy -}}
{{- else -}}
{{- range $notify.receivers -}}
{{- range $kind, $to := .to -}}
{{- $url := $to.url | default $to.api_url -}}
{{- /* A webhook's address is a secret, and the services that have one use https. */ -}}
{{- if $url -}}{{- $urls = append $urls $url -}}{{- else -}}{{- $anywhere = append $anywhere 443 -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with (($config.api.auth | default dict).jwt | default dict).jwks_url -}}{{- $urls = append $urls . -}}{{- end -}}
{{- if include "automap.postgres" . -}}{{- $anywhere = append $anywhere 5432 -}}{{- end -}}
{{- range $urls -}}
{{- $port := include "automap.port" . | int -}}
{{- if include "automap.isInside" . -}}{{- $inside = append $inside $port -}}{{- else -}}{{- $anywhere = append $anywhere $port -}}{{- end -}}
{{- end -}}
{{- $numbers := list -}}
{{- range $inside -}}{{- $numbers = append $numbers (int .) -}}{{- end -}}
{{- $all := list -}}
{{- range $anywhere -}}{{- $all = append $all (int .) -}}{{- end -}}
{{- dict "inside" ($numbers | uniq) "anywhere" ($all | uniq) | toJson -}}
{{- end -}}
