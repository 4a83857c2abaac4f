{{- define "banksman.name" -}}
{{- if contains "banksman" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-banksman" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "banksman.selector" -}}
app.kubernetes.io/name: banksman
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "banksman.labels" -}}
app.kubernetes.io/name: banksman
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end }}

{{- define "banksman.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The site file: what the values say, with the places and ports that belong to the pods. */}}
{{- define "banksman.site" -}}
{{- $metrics := dict "bind" "0.0.0.0:9464" }}
{{- if not .Values.fleetToken.secret }}
{{- if not .Values.networkPolicy.enabled }}
{{- fail "nothing would guard /metrics: give fleetToken.secret, or networkPolicy.enabled: true" }}
{{- end }}
{{- $_ := set $metrics "open" true }}
{{- end }}
{{- $accounts := dict "file" "/etc/banksman/accounts/accounts.yaml" }}
{{- $own := dict "data_dir" "/data" "metrics" $metrics "console" (dict "bind" "0.0.0.0:8080" "accounts" $accounts) }}
{{- if .Values.fleetToken.secret }}
{{- $_ := set $own "fleet" (dict "token" "${BANKSMAN_FLEET_TOKEN}") }}
{{- $_ := set $own "media" (dict "bind" "0.0.0.0:9465") }}
{{- end }}
{{- mergeOverwrite (deepCopy .Values.site) $own | toYaml }}
{{- end }}

{{/* What every container of banksman has: {root, role}. */}}
{{- define "banksman.container" -}}
image: {{ include "banksman.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- $secrets := concat .root.Values.secrets.all (get .root.Values.secrets .role | default (list)) }}
{{- with $secrets }}
envFrom:
  {{- range . }}
  - secretRef: { name: {{ . }} }
  {{- end }}
{{- end }}
{{- with .root.Values.fleetToken }}
{{- if .secret }}
env:
  - name: BANKSMAN_FLEET_TOKEN
    valueFrom: { secretKeyRef: { name: {{ .secret }}, key: {{ .key }} } }
  {{- if eq $.role "ingest" }}
  - name: POD_NAME
    valueFrom: { fieldRef: { fieldPath: metadata.name } }
  # Each pod's own: live video is asked of the agent that runs the camera.
  - name: BANKSMAN_MEDIA_ADVERTISE
    value: http://$(POD_NAME).{{ include "banksman.name" $.root }}-ingest.{{ $.root.Release.Namespace }}.svc:9465
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "banksman.mounts" -}}
- { name: config, mountPath: /etc/banksman/site.yaml, subPath: site.yaml, readOnly: true }
- { name: data, mountPath: /data }
- { name: tmp, mountPath: /tmp }
{{- range .root.Values.secretFiles }}
- { name: secret-{{ . }}, mountPath: /etc/banksman/secrets/{{ . }}, readOnly: true }
{{- end }}
{{- end }}

{{- define "banksman.volumes" -}}
- name: config
  configMap: { name: {{ include "banksman.name" .root }} }
- name: tmp
  emptyDir: {}
{{- range .root.Values.secretFiles }}
- name: secret-{{ . }}
  secret: { secretName: {{ . }} }
{{- end }}
{{- end }}

{{/* Alive: its event loop answers. Ready: it is up and has its bus. Starting may take a while: models are tried. */}}
{{- define "banksman.probes" -}}
ports:
  - { name: metrics, containerPort: 9464 }
  {{- if and (eq .role "ingest") .root.Values.fleetToken.secret }}
  - { name: media, containerPort: 9465 }
  {{- end }}
startupProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: { path: /readyz, port: metrics }
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{/* What every pod has: {root, role, values, component}. */}}
{{- define "banksman.pod" -}}
serviceAccountName: {{ include "banksman.name" .root }}
automountServiceAccountToken: false
# An agent hands its cameras over first (5 s); then a role stops within 10 s.
terminationGracePeriodSeconds: 20
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
# One machine that dies takes as few of them along as can be.
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "banksman.selector" . | nindent 8 }}
{{- end }}

{{/* A changed site file makes new pods. */}}
{{- define "banksman.podMetadata" -}}
labels: {{- include "banksman.labels" . | nindent 2 }}
annotations:
  banksman/site: {{ include "banksman.site" .root | sha256sum | quote }}
  {{- with .root.Values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "banksman.claim" -}}
- metadata: { name: data }
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .className }}
    storageClassName: {{ . }}
    {{- end }}
    resources: { requests: { storage: {{ .size }} } }
{{- end }}
