#!/usr/bin/env bash
# From a finished run to a shipped model with all its figures: training/ship.sh NAME [PRECISION [GRADIENTS [OPTION...]]], the precision
# of the model (float32 by default), that of its gradients ('': they are not shipped), and options for `export`, such as --mirror.
# A model of gender finds women and men equally often: --balanced. affect_... answers expression and gender.
# Needs runs/NAME, or the run that RUN names, FACE_AFFECT_SHARED and the environment of `. tools/env.sh`.
set -euo pipefail
cd "$(dirname "$0")/.."
export KERAS_BACKEND=tensorflow

name=$1
main=${2:-float32}
saliency=${3:+--saliency $3}
options=${*:4}
run=${RUN:-runs/$name}
results=docs/results
case $name in
  emotion_*) tasks=emotion ;;
  gender_*) tasks=gender options="$options --balanced" ;;
  affect_*) tasks='emotion gender' options="$options --balanced" ;;
  *) echo "ship.sh: '$name' is none of emotion_..., gender_..., affect_...; run the verbs one by one" >&2; exit 1 ;;
esac

# Of a task: reader, folder, training and validation split, what the latter is called in file names.
use() {
  case $1 in
    emotion) reader=fer2013_sheets folder=$FACE_AFFECT_SHARED/data/fer2013 train=Training val=PublicTest judged=publictest ;;
    gender) reader=fairface folder=$FACE_AFFECT_SHARED/data/faces_gender train=train val=val judged=fairface_val ;;
  esac
  own=$name
  if [ "$tasks" != "$1" ]; then own=${name}_$1; fi
}

export_as() {
  # shellcheck disable=SC2086
  face_affect export "$run" --name "$name" --main "$main" --cache runs/cache $options "$@"
}

# measure VERB: asks framing or limits about each task; the files that it writes are in `measured`.
measure() {
  measured=()
  for task in $tasks; do
    use "$task"
    face_affect "$1" --model "runs/models/$name" --data "$reader" "$folder" "$val" > "$results/${own}_$1.json"
    measured+=("$results/${own}_$1.json")
  done
}

# The margin and the limits are measured on the exported file, and written into its card.
export_as --models runs/models
measure framing
margin=$(python -c 'import sys; from face_affect_training.framing import chosen_for_all; print(chosen_for_all(sys.argv[1:]))' "${measured[@]}")
export_as --models runs/models --margin "$margin"
measure limits
# shellcheck disable=SC2086
export_as --margin "$margin" --limits "${measured[@]}" $saliency
twins=$(printf '%s\n' float32 float16 dynamic int8 | grep -vx "$main")
# shellcheck disable=SC2086
export_as --margin "$margin" --limits "${measured[@]}" --models runs/models --precision $twins

mkdir -p "$results/training" "$results/precisions"
if [ -f "$run/log.csv" ]; then
  cp "$run/log.csv" "$results/training/$(basename "$run").csv"
fi
for task in $tasks; do
  use "$task"
  face_affect evaluate --model "models/$name" --data "$reader" "$folder" "$val" > "$results/${name}_$judged.json"
  face_affect evaluate --model "models/$name" --data "$reader" "$folder" "$train" > "$results/${own}_train.json"
  if [ "$task" = gender ]; then
    face_affect evaluate --model "models/$name" --data utkface "$folder" test > "$results/${name}_utkface.json"
  fi
  for precision in $twins; do
    face_affect evaluate --model "runs/models/${name}_$precision" --data "$reader" "$folder" "$val" \
        > "$results/precisions/${own}_$precision.json"
  done
  if [ -n "$saliency" ]; then
    face_affect bias-report --model "models/$name" --data "$reader" "$folder" "$val" --out "$results"
  fi
done
face_affect figures page
