"""python -m benchmarks.throughput"""

import sys

from benchmarks.throughput import main

sys.exit(main(sys.argv[1:]))
