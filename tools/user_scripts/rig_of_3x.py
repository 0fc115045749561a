"""A rig made of libraries that require `ataraxis-data-structures>=3,<4`, unchanged, on the umbrella.

`ataraxis-video-system` records a simulated camera: its processes put the time of every frame into our logger's queue,
and its own reader gets them back from our archive. `ataraxis-communication-interface` takes our logger.
"""

import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ataraxis_communication_interface import MicroControllerInterface, ModuleInterface
from ataraxis_video_system import CameraBackends, VideoSystem

from ataraxis_data_structures import DataLogger

CAMERA, CONTROLLER = np.uint8(101), np.uint8(201)
RECORDED_S = 3.0


class Silent(ModuleInterface):  # type: ignore[misc]  # not installed where this is checked
    """A hardware module that says nothing."""

    def __init__(self) -> None:
        super().__init__(np.uint8(1), np.uint8(1), mqtt_communication=False)

    def initialize_remote_assets(self) -> None:
        """Nothing to make."""

    def terminate_remote_assets(self) -> None:
        """Nothing to end."""

    def process_received_data(self, message: object) -> None:
        """Nothing comes."""

    def parse_mqtt_command(self, topic: str, payload: bytes | bytearray) -> None:
        """Nothing comes."""


def record(folder: Path) -> tuple[int, int]:
    """Record the camera for some seconds; returns how many frames are on the disk, and how many times in the log."""
    logger = DataLogger(folder, "rig", exist_ok=True)
    controller = MicroControllerInterface(CONTROLLER, 8192, "/dev/null", logger, (Silent(),))
    if controller.log_path.parent != logger.output_directory:
        raise SystemExit("the controller looks for its log elsewhere")
    camera = VideoSystem(CAMERA, logger, folder)
    camera.add_camera(save_frames=True, camera_backend=CameraBackends.MOCK, acquisition_frame_rate=30, color=False)
    camera.add_image_saver()
    logger.start()
    camera.start()
    camera.start_frame_saving()
    time.sleep(RECORDED_S)
    camera.stop_frame_saving()
    camera.stop()
    logger.stop()
    logger.compress_logs(remove_sources=True)
    return sum(1 for path in folder.rglob("*.tiff")), len(camera.extract_logged_data())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        frames, times = record(Path(name))
    used = ", ".join(f"{lib} {version(lib)}" for lib in ("ataraxis-video-system", "ataraxis-communication-interface"))
    print(f"{used}: {frames} frames, {times} times of frames from the archive")
    sys.exit(int(not frames == times > 0))
