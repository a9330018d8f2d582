"""Files that were cut into volumes, such as `corpus.tar.gzaa`, `….tar.gzab`: read as the one file that they were.

Such a file is known by the name of its first volume.
"""
