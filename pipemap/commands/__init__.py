"""The core's sub-commands: arguments in, core call, answer out."""
