"""python -m benchmarks.fuzz"""

import sys

from benchmarks.fuzz import main

sys.exit(main(sys.argv[1:]))
