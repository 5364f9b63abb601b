"""The subcommands of `face_affect`, one module each."""
