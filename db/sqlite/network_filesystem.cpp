#include "db/sqlite/network_filesystem.h"

#include <sys/vfs.h>

namespace espalier {

std::string network_filesystem(const std::filesystem::path& folder) {
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) return "";
  return network_filesystem_of_type(static_cast<std::uint32_t>(status.f_type));
}

std::string network_filesystem_of_type(std::uint32_t type) {
  switch (type) {  // magic numbers of statfs(2) and the filesystems' own sources
    case 0x6969:
      return "NFS";
    case 0xFF534D42:
    case 0xFE534D42:
    case 0x517B:
      return "SMB";
    case 0x0BD00BD0:
      return "Lustre";
    case 0x47504653:
      return "GPFS";
    case 0x19830326:
      return "BeeGFS";
    case 0x00C36400:
      return "Ceph";
    case 0x5346414F:
      return "AFS";
    case 0x01161970:
      return "GFS2";
    case 0x7461636F:
      return "OCFS2";
    case 0x01021997:
      return "9p";
    case 0x65735546:  // sshfs, gcsfuse, GlusterFS: which one, it does not say
      return "FUSE";
    default:
      return "";
  }
}

}  // namespace espalier
