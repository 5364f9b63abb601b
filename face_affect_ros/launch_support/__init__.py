"""What the launch files share. Needs the ROS packages launch and launch_ros."""
