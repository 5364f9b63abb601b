"""The verbs: each file adds one to the command `face_affect`."""
