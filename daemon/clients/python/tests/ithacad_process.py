"""A real ithacad for tests: on a run directory of its own, killed and started at will."""

import os
import subprocess
import threading


class IthacadProcess:
    """Starts ithacad; ``socket`` is served when the constructor, or ``start``, returns."""

    def __init__(self, path, run_dir):
        self.socket = os.path.join(run_dir, "ithacad.sock")
        self._command = [path, "--run_dir=" + run_dir]
        self.start()

    def start(self):
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        said = []
        for line in self._process.stderr:
            said.append(line)
            if " serves " in line:
                # It must not block on a full pipe.
                self._reader = threading.Thread(target=self._process.stderr.read)
                self._reader.start()
                return
        raise RuntimeError("ithacad did not start: " + "".join(said))

    def kill(self):
        """SIGKILL, and gone."""
        self._process.kill()
        self._end()

    def terminate(self):
        """SIGTERM: it drains."""
        self._process.terminate()
        self._end()

    def _end(self):
        self._process.wait()
        self._reader.join()
        self._process.stderr.close()
