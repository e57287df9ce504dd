// A shared library without any plugin symbol.
extern "C" int ithaca_not_a_plugin() { return 0; }
