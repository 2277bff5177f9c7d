{{/* What no schema can say of values: those that contradict each other. */}}
{{- define "rowgate.check" -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail "autoscaling.minReplicas: is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and .enabled (not (dig "requests" "cpu" "" (default dict $.Values.resources))) -}}
{{- fail "resources.requests.cpu: is what autoscaling.cpuPercent is a share of; say it, or autoscaling.enabled: false" -}}
{{- end -}}
{{- end -}}
{{- $ports := dict -}}
{{- range $name, $port := dict "grpc" .Values.ports.grpc "admin" .Values.ports.admin "health" (include "rowgate.health" .) -}}
{{- $number := toString (int $port) -}}
{{- if and (ne $number "0") (hasKey $ports $number) -}}
{{- fail (printf "ports.%s: is the same as ports.%s (%s)" $name (get $ports $number) $number) -}}
{{- end -}}
{{- $_ := set $ports $number $name -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- $name := default "" .name -}}
{{- range $taken, $value := dict
  "CONFIG" "settings"
  "LISTEN" "ports" "ADMIN_LISTEN" "ports" "HEALTH_LISTEN" "ports"
  "INSECURE" "insecure"
  "TLS__.*" "tls"
  "POLICY__MASK_SECRET" "maskSecret"
  "SERVER__PAGE_TOKEN_SECRET" "pageTokenSecret"
  "SERVER__DRAIN_(PAUSE|GRACE)" "drain"
  "SERVER__REPLICAS" "replicas or autoscaling"
  "SERVER__WORKERS" "settings.server.workers"
  "AUTH__API_KEYS__.*__HASH" "apiKeys"
  "DATABASES__.*__URL" "databases"
  "DATABASES__.*__POOL__(SIZE|MAX_OVERFLOW)" "databases, whose pools the notes count"
-}}
{{- if regexMatch (printf "^ROWGATE_%s(_FILE)?$" $taken) $name -}}
{{- fail (printf "extraEnv: %s: say %s" $name $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
