// Files that a store has beside its database.

#include <memory>

#include "base/files.h"
#include "cluster/auth/authentication.h"
#include "cluster/postmortem/crash_note.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/fuzz/targets/targets.h"

namespace espalier {

FuzzTarget crash_note_target() {
  FuzzTarget target;
  target.name = "crash_note";
  const std::string key(64, 'a');
  target.seeds = {
      "espalier-crash 1\nattempt 42\nstage " + key + "\nsignal 11\ncause signal\nmessage x\nbacktrace\n0x1\n0x2\n",
      "espalier-crash 1\nattempt 18446744073709551615\nstage -\nsignal 0\ncause oom_host\nmessage \nbacktrace\n"};
  target.dictionary = {"\n", "attempt ", "stage -\n", "cause error\n", "backtrace\n", "message ", std::string(1, '\0')};
  const auto file = std::make_shared<ScratchFile>("local-1.rank0.crash");  // shared by the copies of the target
  target.read = [file](std::string_view bytes) {
    file->write(bytes);
    return read_crash_note(file->path()).has_value();
  };
  return target;
}

FuzzTarget connection_file_target() {
  FuzzTarget target;
  target.name = "connection_file";
  target.seeds = {R"({"host":"127.0.0.1","pid":99,"port":4711,"tls":")" + std::string(64, 'a') + "\"}"};
  target.dictionary = {"[", "]", "{", "}", "\"", ":", ",", "\"port\":", "\"host\":", "\\ud800", "1e999", "null", "-1"};
  target.refusals = {ErrorKind::corrupt};
  const auto file = std::make_shared<ScratchFile>("connection.json");  // shared by the copies of the target
  target.read = [file](std::string_view bytes) {
    file->write(bytes);
    return read_connection_file(file->path()).port > 0;
  };
  return target;
}

}  // namespace espalier
