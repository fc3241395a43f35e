// What a hook of another system says of a container that its runtime is making: claims, none of
// which is believed before the agent has found it elsewhere.
#pragma once

#include <map>
#include <string>

namespace usher::api {

struct ContainerNotice {
  std::string cgroups_path;  // a path below the cgroup mount, or slice:prefix:name
  std::string root_dir;      // the container's root on the host
  std::map<std::string, std::string, std::less<>> annotations;  // of its config.json
  // Copied from the annotations by the hook; those that it does not know are empty.
  std::string container_name;
  std::string container_id;
  std::string pod_name;
  std::string pod_uid;
  std::string pod_namespace;
};

}  // namespace usher::api
