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

{{/* The configuration file: no URL and no secret is in it. */}}
{{- define "rowgate.config" -}}
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
{{- $_ := set $server "drain_pause" (printf "%ds" (int .Values.drain.pauseSeconds)) -}}
{{- $_ := set $server "drain_grace" (printf "%ds" (int .Values.drain.graceSeconds)) -}}
{{- $_ := set $server "replicas" (include "rowgate.gateways" . | int) -}}
{{- $_ := set $settings "server" $server -}}
{{- $databases := dict -}}
{{- range $name, $database := .Values.databases -}}
{{- with $database.settings -}}
{{- $_ := set $databases $name (deepCopy .) -}}
{{- end -}}
{{- end -}}
{{- with $databases -}}
{{- $_ := set $settings "databases" . -}}
{{- end -}}
{{- include "rowgate.whole" $settings -}}
{{- toYaml $settings -}}
{{- end -}}
