"""Space: where every source is heard to be. What the band plays goes in, a position per source comes out."""
