"""The sound device and what runs beside it: native callback, ring, wake-up, and the process that holds them."""
