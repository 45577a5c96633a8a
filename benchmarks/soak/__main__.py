"""python -m benchmarks.soak"""

import sys

from benchmarks.soak import main

sys.exit(main(sys.argv[1:]))
