"""Pictures, clips and cameras as frames, and annotated pictures and clips out of frames.

Nothing here imports rclpy.
"""

from face_affect_ros.media.base import MAX_PIXELS, Frame, Media
from face_affect_ros.media.opening import open_media
from face_affect_ros.media.sinks import ImageOrVideoSink, VideoSink, write_image

__all__ = ['MAX_PIXELS', 'Frame', 'ImageOrVideoSink', 'Media', 'VideoSink', 'open_media',
           'write_image']
