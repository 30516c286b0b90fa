{{- define "quarterdeck.name" -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "quarterdeck.labels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "quarterdeck.meta" -}}
name: {{ include "quarterdeck.name" .root }}-{{ .part }}
labels:
  {{- include "quarterdeck.labels" . | nindent 2 }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "quarterdeck.image" -}}
{{ .root.Values.image.registry }}/{{ .part }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "quarterdeck.secret" -}}
{{ .Values.existingSecret | default (printf "%s-secrets" (include "quarterdeck.name" .)) }}
{{- end }}

{{- define "quarterdeck.clickhouse" -}}
{{- if .Values.clickhouse.enabled -}}
http://collector:$(CLICKHOUSE_PASSWORD)@{{ include "quarterdeck.name" . }}-clickhouse:8123
{{- else -}}
{{ .Values.clickhouse.url }}
{{- end -}}
{{- end }}

{{- define "quarterdeck.clickhouseReadOnly" -}}
{{- if .Values.clickhouse.enabled -}}
http://dashboard@{{ include "quarterdeck.name" . }}-clickhouse:8123
{{- else -}}
{{ .Values.clickhouse.readOnlyUrl }}
{{- end -}}
{{- end }}

{{- define "quarterdeck.fromSecret" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ include "quarterdeck.secret" .root }}, key: {{ .key }}{{ if .optional }}, optional: true{{ end }}}}
{{- end }}

{{- define "quarterdeck.moreEnv" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "quarterdeck.pod" -}}
automountServiceAccountToken: false
securityContext: {runAsNonRoot: true, runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001, seccompProfile: {type: RuntimeDefault}}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "quarterdeck.container" -}}
name: {{ .part }}
image: {{ include "quarterdeck.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
livenessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 10, failureThreshold: 6}
readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 5}
{{- end }}

{{- define "quarterdeck.volumeClaim" -}}
volumeClaimTemplates:
  - metadata: {name: data}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .className }}
      storageClassName: {{ . }}
      {{- end }}
      resources: {requests: {storage: {{ .size }}}}
{{- end }}
