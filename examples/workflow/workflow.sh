#!/usr/bin/env bash
# A workflow that reports its progress to the topic `workflow.<id>` with curl: `examples/workflow/workflow.sh 42`.
#
# curl repeats requests without an answer, or with status 429 or 503, after the time that the service names (`Retry-After`).
# The service uses these statuses for clients that accept `application/graphql-response+json`.
# Each report has a key: a report that is sent twice is stored once.
set -euo pipefail

url=${REALTIME_URL:-http://localhost:8081/graphql}
id=${1:-42}
# In a file curl keeps only the last answer; a pipe would also contain those of earlier attempts.
answer=$(mktemp)
trap 'rm "$answer"' EXIT

report() { # name payload
  local body
  body='{
    "query": "mutation ($topic: String!, $payload: JSON!, $key: ID!) { publish(topic: $topic, payload: $payload, idempotencyKey: $key) { position } }",
    "variables": {"topic": "workflow.'$id'", "payload": '$2', "key": "'$id:$1'"}
  }'
  # Without --fail, because a refusal such as 401 is an answer and must not be repeated.
  curl --silent --show-error --output "$answer" --max-time 10 --retry 8 --retry-all-errors --retry-max-time 60 "$url" \
    --header "authorization: Bearer $TOKEN" \
    --header 'content-type: application/json' \
    --header 'accept: application/graphql-response+json' \
    --data "$body"
  if grep -q '"errors"' "$answer"; then
    cat "$answer" >&2
    return 1
  fi
  echo "$1 $2"
}

report begin '{"status": "RUNNING", "progress": 0}'
for step in download convert upload; do
  sleep 0.1
  report "$step" '{"status": "RUNNING", "step": "'"$step"'"}'
done
report end '{"status": "DONE", "progress": 1}'
