// DCMTK's side of "associate and release" in tests.bench.net: a child process that is told over its standard input
//
//   PORT TIMES     associate with 127.0.0.1:PORT and release, TIMES times; answers the seconds that took
//
// The first line it writes is its version. It proposes what the others propose: one Verification context with two
// transfer syntaxes. What TCP_NODELAY says is read by dcmnet itself.

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmnet/assoc.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

void check(const OFCondition &condition, const char *what) {
    if (condition.bad()) {
        std::cerr << what << ": " << condition.text() << std::endl;
        std::exit(1);
    }
}

void associate(T_ASC_Network *network, const std::string &peer) {
    const char *syntaxes[] = {UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax};
    T_ASC_Parameters *parameters = nullptr;
    T_ASC_Association *association = nullptr;
    check(ASC_createAssociationParameters(&parameters, 131072), "parameters");
    check(ASC_setAPTitles(parameters, "BENCH", "BENCH", nullptr), "titles");
    check(ASC_setPresentationAddresses(parameters, "127.0.0.1", peer.c_str()), "address");
    check(ASC_addPresentationContext(parameters, 1, UID_VerificationSOPClass, syntaxes, 2), "context");
    check(ASC_requestAssociation(network, parameters, &association), "request");
    check(ASC_releaseAssociation(association), "release");
    check(ASC_destroyAssociation(&association), "end");
}

}  // namespace

int main() {
    T_ASC_Network *network = nullptr;
    unsigned port = 0;
    unsigned long times = 0;
    OFLog::configure(OFLogger::ERROR_LOG_LEVEL);
    check(ASC_initializeNetwork(NET_REQUESTOR, 0, 30, &network), "network");
    std::cout << OFFIS_DCMTK_VERSION_STRING << std::endl;
    while (std::cin >> port >> times) {
        const std::string peer = "127.0.0.1:" + std::to_string(port);
        const auto begin = std::chrono::steady_clock::now();
        for (unsigned long index = 0; index < times; ++index)
            associate(network, peer);
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
        std::cout << taken.count() << std::endl;
    }
    check(ASC_dropNetwork(&network), "end");
    return 0;
}
