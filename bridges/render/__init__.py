"""A session as it sounds in a room: moved sources on loudspeakers or headphones, into a sound file."""
