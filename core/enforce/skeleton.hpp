// Owns what bpftool's generated code opens. Included by object_*.cpp alone.
#pragma once

#include <bpf/libbpf.h>

#include <memory>
#include <utility>

#include "enforce/object.hpp"

namespace usher::enforce {

template <class Skeleton, void (*destroy)(Skeleton*)>
class SkeletonObject final : public Object {
 public:
  explicit SkeletonObject(Skeleton* skeleton) : skeleton_(skeleton) {}
  bpf_object* get() const override { return skeleton_->obj; }

 private:
  struct Destroy {
    void operator()(Skeleton* skeleton) const { destroy(skeleton); }
  };
  std::unique_ptr<Skeleton, Destroy> skeleton_;
};

template <class Skeleton, void (*destroy)(Skeleton*)>
std::unique_ptr<Object> own_skeleton(Skeleton* skeleton) {
  if (skeleton == nullptr) {
    return nullptr;
  }
  return std::make_unique<SkeletonObject<Skeleton, destroy>>(skeleton);
}

}  // namespace usher::enforce
