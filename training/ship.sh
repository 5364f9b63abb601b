#!/usr/bin/env bash
# From a finished run to a shipped model with all its figures: training/ship.sh NAME [PRECISION [GRADIENTS [MIRROR]]], the precision
# of the model (float32 by default), that of its gradients ('': they are not shipped), and `mirror` for export's --mirror.
# A gender model finds women and men equally often: --balanced.
# Needs runs/NAME, FACE_AFFECT_SHARED and the environment of `. tools/env.sh`.
set -euo pipefail
cd "$(dirname "$0")/.."
export KERAS_BACKEND=tensorflow

name=$1
main=${2:-float32}
saliency=${3:+--saliency $3}
options=${4:+--mirror}
run=runs/$name
results=docs/results
case $name in
  emotion_*) reader=fer2013_sheets folder=$FACE_AFFECT_SHARED/data/fer2013 train=Training val=PublicTest judged=publictest ;;
  gender_*) reader=fairface folder=$FACE_AFFECT_SHARED/data/faces_gender train=train val=val judged=fairface_val
            options="$options --balanced" ;;
  *) echo "ship.sh: '$name' is neither emotion_... nor gender_...; run the verbs one by one" >&2; exit 1 ;;
esac
file=$results/${name}_$judged.json

# The margin and the limits are measured on the exported file, and written into its card.
# shellcheck disable=SC2086
face_affect export "$run" --main "$main" --models runs/models --cache runs/cache $options
face_affect framing --model "runs/models/$name" --data "$reader" "$folder" "$val" > "$results/${name}_framing.json"
margin=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["chosen"])' "$results/${name}_framing.json")
# shellcheck disable=SC2086
face_affect export "$run" --main "$main" --models runs/models --cache runs/cache --margin "$margin" $options
face_affect limits --model "runs/models/$name" --data "$reader" "$folder" "$val" > "$results/${name}_limits.json"
# shellcheck disable=SC2086
face_affect export "$run" --main "$main" --cache runs/cache --margin "$margin" --limits "$results/${name}_limits.json" $saliency $options
twins=$(printf '%s\n' float32 float16 dynamic int8 | grep -vx "$main")
# shellcheck disable=SC2086
face_affect export "$run" --main "$main" --cache runs/cache --margin "$margin" --limits "$results/${name}_limits.json" \
    --models runs/models --precision $twins $options

mkdir -p "$results/training" "$results/precisions"
if [ -f "$run/log.csv" ]; then
  cp "$run/log.csv" "$results/training/$name.csv"
fi
face_affect evaluate --model "models/$name" --data "$reader" "$folder" "$val" > "$file"
face_affect evaluate --model "models/$name" --data "$reader" "$folder" "$train" > "$results/${name}_train.json"
if [ "${name%%_*}" = gender ]; then
  face_affect evaluate --model "models/$name" --data utkface "$folder" test > "$results/${name}_utkface.json"
fi
for precision in $twins; do
  face_affect evaluate --model "runs/models/${name}_$precision" --data "$reader" "$folder" "$val" \
      > "$results/precisions/${name}_$precision.json"
done
if [ -n "$saliency" ]; then
  face_affect bias-report --model "models/$name" --data "$reader" "$folder" "$val" --out "$results"
fi
face_affect figures page
