"""Recordings of sensor.community: real readings to play when the network is not to be asked."""

from local_stack.recordings.recording import Recording, recording_names, recording_path, shifted

__all__ = ["Recording", "recording_names", "recording_path", "shifted"]
