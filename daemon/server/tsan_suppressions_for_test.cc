// What ThreadSanitizer must not report in tests that run gRPC.
//
// The distribution's gRPC is not instrumented and locks with absl::Mutex, which
// the sanitizer cannot see into. Objects of gRPC's own header templates, which
// are compiled into our code, are handed between its threads under such locks,
// so the sanitizer sees no order between them. Only gRPC's own call objects are
// listed: a race of our handlers is still reported.

extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() {
  return "race_top:grpc::internal::\n"
         "race:grpc::internal::ServerCallbackCall\n"
         "race:grpc::internal::CallbackWithStatusTag\n"
         "race:grpc::internal::CallOpSet\n"
         "race:grpc::internal::CallbackUnaryCallImpl\n"
         "race:grpc::internal::InterceptorBatchMethodsImpl\n"
         // What gRPC's call objects are made of: their constructor's writes are
         // on the other side, and only the topmost frame is looked at.
         "race_top:std::__atomic_base\n"
         "race_top:grpc::ByteBuffer\n"
         "race_top:std::_Function_base::_M_empty\n"
         "race_top:std::function<void (bool)>::operator()\n"
         // An alarm keeps its callback.
         "race:grpc::internal::AlarmImpl\n"
         "race:ServerCallbackUnaryImpl\n"
         "race:ServerCallbackWriterImpl\n"
         "race:ServerCallbackReaderWriterImpl\n"
         "race:Function_handler<void (), grpc::Server::CallbackRequest\n"
         "race:*Handler<*>::Deserialize\n";
}
