// Stands for a CRI server: a real gRPC server on a unix socket that answers what the test says, so
// that hostile and late answers can be made.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace usher::test {

class FakeServer {
 public:
  struct Reply {
    std::string message;
    grpc::Status status;
    bool never = false;  // no answer until the call is cancelled
  };
  using Handler = std::function<Reply(const std::string& request)>;

  explicit FakeServer(std::string socket) : socket_(std::move(socket)) {}
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer() { stop(); }

  // By method, "Version". Set before the call comes.
  std::map<std::string, Handler> handlers;

  void start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.SetMaxSendMessageSize(-1);
    service_ = std::make_unique<Service>(*this);
    builder.RegisterCallbackGenericService(service_.get());
    server_ = builder.BuildAndStart();
  }
  void stop() {
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now());
      server_->Wait();
      server_.reset();
      service_.reset();
    }
  }
  std::vector<std::string> asked() {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }

 private:
  class Reactor : public grpc::ServerGenericBidiReactor {
   public:
    Reactor(FakeServer& server, std::string method) : server_(server), method_(std::move(method)) {
      StartRead(&in_);
    }
    void OnReadDone(bool good) override {
      if (!good) {
        return Finish(grpc::Status::CANCELLED);
      }
      std::vector<grpc::Slice> slices;
      in_.Dump(&slices);
      std::string request;
      for (const auto& slice : slices) {
        request.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
      }
      reply_ = server_.answer(method_, request);
      if (reply_.never) {
        return;
      }
      if (!reply_.status.ok()) {
        return Finish(reply_.status);
      }
      const grpc::Slice slice(reply_.message);
      out_ = grpc::ByteBuffer(&slice, 1);
      StartWriteAndFinish(&out_, {}, grpc::Status::OK);
    }
    void OnCancel() override {
      if (reply_.never) {
        Finish(grpc::Status::CANCELLED);
      }
    }
    void OnDone() override { delete this; }

   private:
    FakeServer& server_;
    std::string method_;
    grpc::ByteBuffer in_;
    grpc::ByteBuffer out_;
    Reply reply_;
  };

  // gRPC takes one for one server only.
  class Service : public grpc::CallbackGenericService {
   public:
    explicit Service(FakeServer& owner) : owner_(owner) {}
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override {
      const auto& path = context->method();
      return new Reactor(owner_, path.substr(path.rfind('/') + 1));
    }

   private:
    FakeServer& owner_;
  };

  Reply answer(const std::string& method, const std::string& request) {
    const std::scoped_lock lock(mutex_);
    asked_.push_back(method);
    const auto handler = handlers.find(method);
    return handler == handlers.end()
               ? Reply{{}, grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no handler")}
               : handler->second(request);
  }

  std::string socket_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::vector<std::string> asked_;
};

}  // namespace usher::test
