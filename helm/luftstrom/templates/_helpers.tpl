{{/* Names. */}}
{{- define "luftstrom.labels" -}}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: luftstrom
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "luftstrom.selector" -}}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* An image of ours: by digest where one is given, else by its own tag, else by that of all. */}}
{{- define "luftstrom.image" -}}
{{- $image := .root.Values.image -}}
{{- $name := printf "%sluftstrom/%s" $image.registry .name -}}
{{- with get $image.digests .name -}}{{ $name }}@{{ . }}{{- else -}}{{ $name }}:{{ get $image.tags $.name | default $image.tag | default $.root.Chart.AppVersion }}{{- end -}}
{{- end }}

{{/* What Pod Security "restricted" asks of a pod, and of a container. */}}
{{- define "luftstrom.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .uid | default 10001 }}
runAsGroup: {{ .uid | default 10001 }}
fsGroup: {{ .uid | default 10001 }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "luftstrom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* The first lines of every pod of ours. */}}
{{- define "luftstrom.podStart" -}}
serviceAccountName: {{ .account | default (printf "%s-default" .root.Release.Name) }}
automountServiceAccountToken: {{ .mountsToken | default false }}
enableServiceLinks: false
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
securityContext:
  {{- include "luftstrom.podSecurity" . | nindent 2 }}
{{- end }}

{{- define "luftstrom.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "luftstrom.selector" . | nindent 8 }}
{{- end }}

{{/* A dictionary as environment, sorted, each name once. */}}
{{- define "luftstrom.env" -}}
{{- range $name := keys . | sortAlpha }}
- name: {{ $name }}
  value: {{ get $ $name | toString | quote }}
{{- end }}
{{- end }}

{{/* The three probes of a room that serves /livez and /readyz. */}}
{{- define "luftstrom.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: metrics}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 5
  timeoutSeconds: 3
{{- end }}

{{/* Kafka, as one of its users sees it. */}}
{{- define "luftstrom.kafkaServers" -}}
{{- if .Values.kafka.enabled -}}{{ .Release.Name }}-kafka-bootstrap:9093{{- else -}}{{ required "kafka.external.bootstrapServers is needed where kafka.enabled is false" .Values.kafka.external.bootstrapServers }}{{- end -}}
{{- end }}

{{- define "luftstrom.kafkaUserSecret" -}}
{{- if .root.Values.kafka.enabled -}}{{ .root.Release.Name }}-{{ .user }}{{- else -}}{{ required (printf "kafka.external.userSecrets.%s is needed where kafka.enabled is false" .user) (get .root.Values.kafka.external.userSecrets .user) }}{{- end -}}
{{- end }}

{{- define "luftstrom.kafkaCaSecret" -}}
{{- if .Values.kafka.enabled -}}{{ .Release.Name }}-cluster-ca-cert{{- else -}}{{ .Values.kafka.external.caSecret }}{{- end -}}
{{- end }}

{{- define "luftstrom.kafkaEnv" -}}
{{ .prefix }}KAFKA_BOOTSTRAP_SERVERS: {{ include "luftstrom.kafkaServers" .root | quote }}
{{ .prefix }}KAFKA_SECURITY_PROTOCOL: SASL_SSL
{{ .prefix }}KAFKA_USERNAME: {{ .root.Release.Name }}-{{ .user }}
{{ .prefix }}KAFKA_PASSWORD_FILE: /etc/luftstrom/kafka/user/password
{{- if include "luftstrom.kafkaCaSecret" .root }}
{{ .prefix }}KAFKA_CA_FILE: /etc/luftstrom/kafka/ca/ca.crt
{{- end }}
{{- end }}

{{- define "luftstrom.kafkaMounts" -}}
- {name: kafka-user, mountPath: /etc/luftstrom/kafka/user, readOnly: true}
{{- if include "luftstrom.kafkaCaSecret" .root }}
- {name: kafka-ca, mountPath: /etc/luftstrom/kafka/ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "luftstrom.kafkaVolumes" -}}
- name: kafka-user
  secret: {secretName: {{ include "luftstrom.kafkaUserSecret" . }}, items: [{key: password, path: password}], defaultMode: 0440}
{{- with include "luftstrom.kafkaCaSecret" .root }}
- name: kafka-ca
  secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}], defaultMode: 0444}
{{- end }}
{{- end }}

{{/* InfluxDB, with a scoped token in a file. */}}
{{- define "luftstrom.influxTls" -}}
{{- if .Values.influxdb.tlsSecret -}}{{ .Values.influxdb.tlsSecret }}{{- else if and .Values.influxdb.enabled .Values.certificates.enabled -}}{{ .Release.Name }}-influxdb-tls{{- end -}}
{{- end }}

{{- define "luftstrom.influxUrl" -}}
{{- if .Values.influxdb.enabled -}}http{{ if include "luftstrom.influxTls" . }}s{{ end }}://{{ .Release.Name }}-influxdb:8086{{- else -}}{{ required "influxdb.external.url is needed where influxdb.enabled is false" .Values.influxdb.external.url }}{{- end -}}
{{- end }}

{{- define "luftstrom.tokensSecret" -}}
{{ .Values.influxdb.existingTokensSecret | default (printf "%s-influxdb-tokens" .Release.Name) }}
{{- end }}

{{- define "luftstrom.operatorSecret" -}}
{{ .Values.influxdb.existingSecret | default (printf "%s-influxdb-operator" .Release.Name) }}
{{- end }}

{{- define "luftstrom.influxEnv" -}}
{{ .prefix }}INFLUX_URL: {{ include "luftstrom.influxUrl" .root | quote }}
{{- if include "luftstrom.influxTls" .root }}
{{ .prefix }}INFLUX_CA_FILE: /etc/luftstrom/influxdb-ca/ca.crt
{{- end }}
{{- end }}

{{- define "luftstrom.influxMounts" -}}
- {name: influxdb-token, mountPath: /etc/luftstrom/influxdb, readOnly: true}
{{- if include "luftstrom.influxTls" .root }}
- {name: influxdb-ca, mountPath: /etc/luftstrom/influxdb-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "luftstrom.influxVolumes" -}}
- name: influxdb-token
  secret: {secretName: {{ include "luftstrom.tokensSecret" .root }}, items: [{key: {{ .token }}, path: token}], defaultMode: 0440}
{{- include "luftstrom.influxCaVolume" .root }}
{{- end }}

{{- define "luftstrom.influxCaVolume" -}}
{{- with include "luftstrom.influxTls" . }}
- name: influxdb-ca
  secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}], defaultMode: 0444}
{{- end }}
{{- end }}

{{/* Valkey. */}}
{{- define "luftstrom.valkeyTls" -}}
{{- if .Values.valkey.tlsSecret -}}{{ .Values.valkey.tlsSecret }}{{- else if and .Values.valkey.enabled .Values.certificates.enabled -}}{{ .Release.Name }}-valkey-tls{{- end -}}
{{- end }}

{{- define "luftstrom.valkeySecret" -}}
{{ .Values.valkey.existingSecret | default (printf "%s-valkey" .Release.Name) }}
{{- end }}

{{- define "luftstrom.valkeyUrl" -}}
{{- if .Values.valkey.enabled -}}redis{{ if include "luftstrom.valkeyTls" . }}s{{ end }}://scraper@{{ .Release.Name }}-valkey:6379/0{{- else -}}{{ required "valkey.external.url is needed where valkey.enabled is false" .Values.valkey.external.url }}{{- end -}}
{{- end }}

{{- define "luftstrom.valkeyPasswordSecret" -}}
{{- if .Values.valkey.enabled -}}{{ include "luftstrom.valkeySecret" . }}{{- else -}}{{ .Values.valkey.external.passwordSecret }}{{- end -}}
{{- end }}

{{- define "luftstrom.valkeyCaSecret" -}}
{{- if .Values.valkey.enabled -}}{{ include "luftstrom.valkeyTls" . }}{{- else -}}{{ .Values.valkey.external.caSecret }}{{- end -}}
{{- end }}

{{/* Where Flink keeps its state. */}}
{{- define "luftstrom.s3Endpoint" -}}
{{- .Values.flink.state.s3.endpoint | default (printf "http://%s-object-store:8333" .Release.Name) -}}
{{- end }}

{{- define "luftstrom.s3Secret" -}}
{{- .Values.flink.state.s3.existingSecret | default .Values.objectStore.existingSecret | default (printf "%s-object-store" .Release.Name) -}}
{{- end }}

{{- define "luftstrom.stateDir" -}}
{{- if eq .Values.flink.state.kind "s3" -}}s3://{{ .Values.flink.state.s3.bucket }}{{- else -}}file:///state{{- end -}}
{{- end }}

{{/* Where the predictor finds its models, if in a bucket. */}}
{{- define "luftstrom.registryEndpoint" -}}
{{- .Values.predictor.registryS3.endpoint | default (ternary (printf "http://%s-object-store:8333" .Release.Name) "" .Values.objectStore.enabled) -}}
{{- end }}

{{- define "luftstrom.registryIsOurs" -}}
{{- if and .Values.predictor.registryS3.url .Values.objectStore.enabled (not .Values.predictor.registryS3.endpoint) -}}true{{- end -}}
{{- end }}

{{- define "luftstrom.registrySecret" -}}
{{- .Values.predictor.registryS3.existingSecret | default .Values.objectStore.existingSecret | default (printf "%s-object-store" .Release.Name) -}}
{{- end }}

{{- define "luftstrom.registryEnv" -}}
{{- with .Values.predictor.registryS3 }}
APP_PREDICT_REGISTRY: {{ .url | quote }}
APP_PREDICT_S3_REGION: {{ .region | quote }}
APP_PREDICT_S3_SECRET_KEY_FILE: /etc/luftstrom/registry/secret-key
{{- with include "luftstrom.registryEndpoint" $ }}
APP_PREDICT_S3_ENDPOINT: {{ . | quote }}
{{- end }}
{{- if .caSecret }}
APP_PREDICT_S3_CA_FILE: /etc/luftstrom/registry-ca/ca.crt
{{- end }}
{{- end }}
{{- end }}

{{/* A Secret's value as it is on the cluster, or a new one. Empty under `helm template`: then it is new each time. */}}
{{- define "luftstrom.kept" -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- $data := ($found | default dict).data | default dict -}}
{{- with get $data .key -}}{{ b64dec . }}{{- else -}}{{ randAlphaNum 40 }}{{- end -}}
{{- end }}

{{- define "luftstrom.storageClass" -}}
{{- with . }}
storageClassName: {{ . }}
{{- end }}
{{- end }}

{{/* Brokers, their volumes and topics are of one piece: a new cluster cannot read an old one's volumes. */}}
{{- define "luftstrom.keepKafka" -}}
{{- if .Values.kafka.keepOnUninstall -}}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end }}

{{/* Pods of ours, and namespaces, as network policies name them. */}}
{{- define "luftstrom.ours" -}}{matchLabels: {app.kubernetes.io/name: {{ .component }}, app.kubernetes.io/instance: {{ .root.Release.Name }}}}{{- end }}

{{- define "luftstrom.namespace" -}}{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ . }}}}}{{- end }}

{{- define "luftstrom.bootstrapPod" -}}
{{ include "luftstrom.podStart" (dict "root" .root "account" .name "mountsToken" true) }}
restartPolicy: OnFailure
terminationGracePeriodSeconds: 10
containers:
  - name: bootstrap
    image: {{ include "luftstrom.image" (dict "root" .root "name" "collector") }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    securityContext:
      {{- include "luftstrom.containerSecurity" .root | nindent 6 }}
    command: [python, -m, collector.bootstrap{{ if .root.Values.bootstrap.rotation }}, --rotate{{ end }}]
    env:
      {{- include "luftstrom.env" .env | nindent 6 }}
    resources: {{ toJson .root.Values.bootstrap.resources }}
    volumeMounts:
      - {name: operator-token, mountPath: /etc/luftstrom/influxdb-operator, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- if include "luftstrom.influxTls" .root }}
      - {name: influxdb-ca, mountPath: /etc/luftstrom/influxdb-ca, readOnly: true}
      {{- end }}
volumes:
  - name: operator-token
    secret: {secretName: {{ include "luftstrom.operatorSecret" .root }}, items: [{key: operator-token, path: token}], defaultMode: 0440}
  - {name: tmp, emptyDir: {sizeLimit: 64Mi}}
  {{- include "luftstrom.influxCaVolume" .root | nindent 2 }}
{{- end }}
