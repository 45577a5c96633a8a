"""What measurements and tests stand on: a JACK server, players into it, MIDI clients, hogs. All of it real."""
