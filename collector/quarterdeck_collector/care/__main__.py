"""Commands without the ``quarterdeck`` script: ``python -m quarterdeck_collector.care purge …``."""

import sys

from quarterdeck_collector.care.commands import main

sys.exit(main())
