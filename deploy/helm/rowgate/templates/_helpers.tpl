{{- define "rowgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "rowgate.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rowgate.labels" -}}
{{ include "rowgate.selector" . }}
{{- /* The job of Prometheus, whatever the release and the name are. */}}
app.kubernetes.io/part-of: rowgate
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "rowgate.serviceAccount" -}}
{{- ternary (default (include "rowgate.fullname" .) .Values.serviceAccount.name) (default "default" .Values.serviceAccount.name) .Values.serviceAccount.create -}}
{{- end -}}

{{- define "rowgate.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* The most gateways that there are at once: a rollout adds one. */}}
{{- define "rowgate.gateways" -}}
{{- add1 (ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled) -}}
{{- end -}}

{{/* The processes of each gateway, with pools of their own. */}}
{{- define "rowgate.workers" -}}
{{- dig "server" "workers" 1 .Values.settings -}}
{{- end -}}

{{/* The plaintext port for health; 0 for none. */}}
{{- define "rowgate.health" -}}
{{- or .Values.ports.health (ternary 50052 0 (ne .Values.tls.secret "")) -}}
{{- end -}}

{{/* Whether the admin port speaks TLS. */}}
{{- define "rowgate.adminTls" -}}
{{- if dig "admin_tls" "certificate" "" .Values.settings -}}yes{{- end -}}
{{- end -}}

{{/* The most connections that a pool of these settings makes. */}}
{{- define "rowgate.pool" -}}
{{- $pool := dig "pool" dict (default dict .) -}}
{{- add (dig "size" 5 $pool) (dig "max_overflow" 5 $pool) -}}
{{- end -}}

{{/* Whether anything is mounted below /etc/rowgate/secrets. */}}
{{- define "rowgate.secrets" -}}
{{- if or .Values.databases .Values.apiKeys .Values.pageTokenSecret .Values.maskSecret -}}yes{{- end -}}
{{- end -}}

{{/* Whole numbers as such: Helm has them as floating-point numbers, and would write a million as 1e+06. */}}
{{- define "rowgate.whole" -}}
{{- $map := . -}}
{{- range $key, $value := $map -}}
{{- if kindIs "map" $value -}}
{{- include "rowgate.whole" $value -}}
{{- else if and (kindIs "float64" $value) (eq $value (floor $value)) -}}
{{- $_ := set $map $key (int64 $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What of the configuration makes other pods: not how many there may be, which those that serve are told of. */}}
{{- define "rowgate.checksum" -}}
{{- $settings := include "rowgate.config" . | fromYaml -}}
{{- $_ := unset $settings.server "replicas" -}}
{{- toYaml $settings | sha256sum -}}
{{- end -}}

{{/* The ConfigMap. Pods of another configuration have another one, which stays what it is. */}}
{{- define "rowgate.configMap" -}}
{{ include "rowgate.fullname" . }}-{{ include "rowgate.checksum" . | trunc 10 }}
{{- end -}}

{{/* The name of the pod that `helm test` starts. */}}
{{- define "rowgate.testPod" -}}
{{- printf "%s-test" (include "rowgate.fullname" . | trunc 58 | trimSuffix "-") -}}
{{- end -}}

{{/* A quantity of memory in MiB, rounded down. */}}
{{- define "rowgate.mebibytes" -}}
{{- $number := regexFind "^[0-9.]+([eE][+-]?[0-9]+)?" . | float64 -}}
{{- $unit := regexFind "[A-Za-z]*$" . -}}
{{- $each := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 -}}
{{- $each = merge $each (dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776) -}}
{{- divf (mulf $number (default 0 (get $each $unit))) 1048576 | floor | int64 -}}
{{- end -}}

{{/* The configuration file: no URL and no secret is in it. */}}
{{- define "rowgate.config" -}}
{{- include "rowgate.check" . -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $server := default dict (get $settings "server") -}}
{{- range $key, $value := dict "drain_grace" "drain.graceSeconds" "drain_pause" "drain.pauseSeconds" -}}
{{- if hasKey $server $key -}}
{{- fail (printf "settings.server.%s: say %s, which the pod's own grace follows" $key $value) -}}
{{- end -}}
{{- end -}}
{{- if hasKey $server "replicas" -}}
{{- fail "settings.server.replicas: say replicas or autoscaling, which it follows" -}}
{{- end -}}
{{- if gt (mul 2 .Values.drain.pauseSeconds) (int64 .Values.drain.graceSeconds) -}}
{{- fail "drain.pauseSeconds: is a part of drain.graceSeconds, and at most half of it" -}}
{{- end -}}
{{- range $key := list "listen" "admin_listen" "health_listen" -}}
{{- if hasKey $settings $key -}}
{{- fail (printf "settings.%s: say ports, which the probes and the Service follow" $key) -}}
{{- end -}}
{{- end -}}
{{- if hasKey $settings "insecure" -}}
{{- fail "settings.insecure: say insecure, beside settings" -}}
{{- end -}}
{{- if hasKey $settings "tls" -}}
{{- fail "settings.tls: say tls, which the probes follow" -}}
{{- end -}}
{{- $auth := default dict (get $settings "auth") -}}
{{- if hasKey $auth "api_keys" -}}
{{- fail "settings.auth.api_keys: say apiKeys, whose hashes come from Secrets" -}}
{{- end -}}
{{- range $name, $key := .Values.apiKeys -}}
{{- $_ := set $auth "api_keys" (merge (dict $name (default dict (deepCopy (default dict $key.settings)))) (default dict (get $auth "api_keys"))) -}}
{{- end -}}
{{- if and .Values.insecure $auth -}}
{{- fail "insecure: contradicts apiKeys and settings.auth, by which callers have to say who they are" -}}
{{- end -}}
{{- $asked := or (get $auth "api_keys") (get $auth "jwt") (get $auth "certificates") -}}
{{- if and $auth (not $asked) -}}
{{- fail (printf "settings.auth.%s: says something of callers whom nobody asks; give apiKeys, or jwt or certificates there" (keys $auth | sortAlpha | first)) -}}
{{- end -}}
{{- if not (or .Values.insecure $asked) -}}
{{- fail "apiKeys: neither these nor settings.auth are given, so whoever reaches a pod may do everything; see docs/security.md, or say insecure: true" -}}
{{- end -}}
{{- with $auth -}}
{{- $_ := set $settings "auth" . -}}
{{- end -}}
{{- if and .Values.policy (dig "policy" "path" "" $settings) -}}
{{- fail "settings.policy.path: say policy, or leave it to a volume of yours" -}}
{{- end -}}
{{- if and .Values.tls.clientCa (not .Values.tls.secret) -}}
{{- fail "tls.clientCa: needs tls.secret" -}}
{{- end -}}
{{- if .Values.insecure -}}
{{- $_ := set $settings "insecure" true -}}
{{- end -}}
{{- if .Values.policy -}}
{{- $_ := set $settings "policy" (merge (dict "path" "/etc/rowgate/config/policy.yaml") (default dict (get $settings "policy"))) -}}
{{- end -}}
{{- if .Values.tls.secret -}}
{{- $tls := dict "certificate" "/etc/rowgate/tls/tls.crt" "key" "/etc/rowgate/tls/tls.key" -}}
{{- if .Values.tls.clientCa -}}
{{- $_ := set $tls "client_ca" "/etc/rowgate/tls/ca.crt" -}}
{{- end -}}
{{- $_ := set $settings "tls" $tls -}}
{{- end -}}
{{- $_ := set $server "drain_pause" (printf "%ds" (int .Values.drain.pauseSeconds)) -}}
{{- $_ := set $server "drain_grace" (printf "%ds" (int .Values.drain.graceSeconds)) -}}
{{- $_ := set $server "replicas" (include "rowgate.gateways" . | int) -}}
{{- $_ := set $settings "server" $server -}}
{{- $databases := dict -}}
{{- range $name, $database := .Values.databases -}}
{{- $written := deepCopy (default dict $database.settings) -}}
{{- $logins := dict -}}
{{- range $login, $other := $database.logins -}}
{{- with $other.settings -}}
{{- $_ := set $logins $login (deepCopy .) -}}
{{- end -}}
{{- end -}}
{{- with $logins -}}
{{- $_ := set $written "logins" . -}}
{{- end -}}
{{- $replicas := dict -}}
{{- range $replica, $other := $database.replicas -}}
{{- with $other.settings -}}
{{- $_ := set $replicas $replica (deepCopy .) -}}
{{- end -}}
{{- end -}}
{{- with $replicas -}}
{{- $_ := set $written "replicas" . -}}
{{- end -}}
{{- with $written -}}
{{- $_ := set $databases $name . -}}
{{- end -}}
{{- end -}}
{{- with $databases -}}
{{- $_ := set $settings "databases" . -}}
{{- end -}}
{{- include "rowgate.whole" $settings -}}
{{- toYaml $settings -}}
{{- end -}}
