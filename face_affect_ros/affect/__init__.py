"""The ROS-free heart: a frame in, faces out. Nothing here imports rclpy."""
