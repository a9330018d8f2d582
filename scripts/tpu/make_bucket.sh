#!/usr/bin/env bash
# Make the bucket for data and checkpoints in the TPU's region, or check that it is there. Safe to repeat.
set -euo pipefail
# shellcheck source=scripts/tpu/cloud.sh
. "$(dirname "$0")/cloud.sh"
known_arguments '' "$@"
[[ $BUCKET =~ ^gs://[^/]+/?$ ]] || fail "BUCKET=$BUCKET: must be gs://NAME, without a folder"
bucket=${BUCKET%/}
region=${ZONE%-*}
if ! location=$(gcloud storage buckets describe "$bucket" --format='value(location)' 2>&1); then
  [[ $location == *"not found"* || $location == *404* ]] || fail "gcloud cannot tell whether $bucket exists: ${location%%$'\n'*}"
  location=
fi
location=$(tr '[:upper:]' '[:lower:]' <<<"$location")
if [ -z "$location" ]; then
  # Old checkpoints are removed all the time: kept for a week by soft deletion, they would be paid for.
  gcloud storage buckets create "$bucket" --project="$PROJECT_ID" --location="$region" \
    --uniform-bucket-level-access --public-access-prevention --soft-delete-duration=0
  say "$bucket made in $region"
elif [ "$location" = "$region" ]; then
  say "$bucket is there, in $region"
else
  fail "$bucket is in $location, the TPU's zone in $region: reading it would be slow and paid for by the gigabyte; use another bucket"
fi
