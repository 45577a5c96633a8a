"""python -m benchmarks.faults"""

import sys

from benchmarks.faults import main

sys.exit(main(sys.argv[1:]))
