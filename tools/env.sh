# shellcheck shell=bash
# The environment of the commands of this repository, for bash and zsh:  . tools/env.sh
# It activates the virtual environment, ROS (a distribution or the wheels), and the build.

_face_affect_enter() {
  local root prefix FACE_AFFECT_ROS
  root=$(CDPATH="" cd -- "$(dirname "$1")/.." && pwd) || return 1
  if [ ! -f "$root/.venv/setup.sh" ] || [ ! -f "$root/install/local_setup.sh" ]; then
    echo "$root is not set up; run: make setup" >&2
    return 1
  fi
  . "$root/.venv/setup.sh"
  . "$root/.venv/bin/activate"
  if ! [ "${VIRTUAL_ENV:-}" -ef "$root/.venv" ]; then
    deactivate
    echo "$root was moved or copied after its set-up; run: make setup" >&2
    return 1
  fi
  if [ "$FACE_AFFECT_ROS" = wheels ]; then
    unset PYTHONPATH ROS_DISTRO COLCON_PREFIX_PATH
    # The wheels change the order of this path: libraries of another checkout or ROS must not stay.
    LD_LIBRARY_PATH=$(tr : '\n' <<< "${LD_LIBRARY_PATH:-}" | sed -e '\|^/opt/ros/|d' \
      -e '\|/face_affect_msgs/lib$|d' -e '\|/\.venv/underlay/lib$|d' | paste -sd : -)
    export LD_LIBRARY_PATH
    export AMENT_PREFIX_PATH="$VIRTUAL_ENV" CMAKE_PREFIX_PATH="$VIRTUAL_ENV"
    export RMW_IMPLEMENTATION=rmw_fastrtps_cpp
  elif [ "${ROS_DISTRO:-}" != "$FACE_AFFECT_ROS" ]; then
    if [ ! -f "/opt/ros/$FACE_AFFECT_ROS/local_setup.sh" ]; then
      echo "$root was set up for ROS $FACE_AFFECT_ROS: source it first" >&2
      return 1
    fi
    . "/opt/ros/$FACE_AFFECT_ROS/setup.${ZSH_VERSION:+z}${BASH_VERSION:+ba}sh"
  fi
  for prefix in "$root/.venv/underlay" "$root/install"; do
    if [ -f "$prefix/local_setup.sh" ]; then
      . "$prefix/local_setup.${ZSH_VERSION:+z}${BASH_VERSION:+ba}sh"
    fi
  done
  # Without this profile, images larger than the default shared memory of Fast DDS are lost between
  # processes. A profile of the user is kept. Fast DDS 2 (Humble, Jazzy) reads only the first
  # variable; Fast DDS 3 warns about it. FASTDDS_BUILTIN_TRANSPORTS and, on Humble,
  # ROS_LOCALHOST_ONLY=1 select transports, which those of the profile would replace.
  if [ -z "${FASTRTPS_DEFAULT_PROFILES_FILE:-}${FASTDDS_DEFAULT_PROFILES_FILE:-}" ] &&
     [ -z "${FASTDDS_BUILTIN_TRANSPORTS:-}" ] &&
     [ "${ROS_DISTRO:-} ${ROS_LOCALHOST_ONLY:-}" != 'humble 1' ]; then
    if [ -d "$VIRTUAL_ENV/share/fastrtps" ] || [ -d "/opt/ros/${ROS_DISTRO:-}/share/fastrtps" ]; then
      export FASTRTPS_DEFAULT_PROFILES_FILE="$root/config/fastdds_large_images.xml"
    else
      export FASTDDS_DEFAULT_PROFILES_FILE="$root/config/fastdds_large_images.xml"
    fi
  fi
}

# The scripts of ROS and colcon read unset variables.
case $- in
  *u*) set +u; _face_affect_enter "${BASH_SOURCE[0]:-$0}" && set -u || { set -u; false; } ;;
  *) _face_affect_enter "${BASH_SOURCE[0]:-$0}" ;;
esac
