# What the scripts in this folder need to know. Change it here or in the environment, which wins:
#   ZONE=us-central1-a bash scripts/tpu/create.sh
# shellcheck shell=bash disable=SC2034 # read by the scripts that source this file

PROJECT_ID=${PROJECT_ID:-}                  # your Google Cloud project
ZONE=${ZONE:-}                              # where your quota is: europe-west4-a, us-central2-b, …
BUCKET=${BUCKET:-}                          # gs://NAME: data, checkpoints, metrics; in the zone's region
TPU_NAME=${TPU_NAME:-electra}               # what the TPU is called; one name for each run
ACCELERATOR_TYPE=${ACCELERATOR_TYPE:-v3-8}  # v2-8, v3-8, v4-8, v5litepod-8, v5p-8, v6e-8, or of several hosts: v3-32, …
RUNTIME_VERSION=${RUNTIME_VERSION:-}        # the VM's image; empty: Google's for TensorFlow on the accelerator type
TENSORFLOW=${TENSORFLOW:-}                  # 2.18 or 2.20, which set-up installs; empty: what goes with the accelerator type
SPOT=${SPOT:-no}                            # yes: cheaper, and taken away whenever Google needs it
CREATE_FLAGS=${CREATE_FLAGS:-}              # more flags for `queued-resources create`, such as --service-account=…
