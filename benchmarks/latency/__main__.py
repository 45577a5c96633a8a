"""python -m benchmarks.latency"""

import sys

from benchmarks.latency import main

sys.exit(main(sys.argv[1:]))
