// DCMTK's side of tests.bench.codec: a child process that is told over its standard input what to do, and how often.
//
//   load NAME SYNTAX LENGTH, then LENGTH bytes   keep a data set; answers the number of its elements and values
//   parse|read|write NAME SYNTAX TIMES           do it TIMES times; answers the seconds that took
//
// The first line it writes is its version. SYNTAX is explicit or implicit (both little endian). parse reads all of the
// bytes into a DcmDataset; read then also asks for every value; write encodes the data set that load has parsed into a
// buffer that is there already.

#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrmb.h>

#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Loaded {
    std::string bytes;
    E_TransferSyntax syntax;
    std::unique_ptr<DcmDataset> dataset;
    std::vector<char> room;
};

struct Count {
    unsigned long elements = 0;
    unsigned long values = 0;
    double sum = 0;  // of what was read, so that no compiler can leave the reading out
};

void check(const OFCondition &condition, const char *what) {
    if (condition.bad()) {
        std::cerr << what << ": " << condition.text() << std::endl;
        std::exit(1);
    }
}

std::unique_ptr<DcmDataset> parse(const Loaded &loaded) {
    DcmInputBufferStream stream;
    stream.setBuffer(loaded.bytes.data(), loaded.bytes.size());
    stream.setEos();
    auto dataset = std::make_unique<DcmDataset>();
    dataset->transferInit();
    check(dataset->read(stream, loaded.syntax), "read");
    dataset->transferEnd();
    return dataset;
}

template <typename Number, typename Get>
void numbers(DcmElement &element, Count &count, Get get) {
    Number *found = nullptr;
    check((element.*get)(found), "array of numbers");
    const unsigned long many = found == nullptr ? 0 : element.getLengthField() / sizeof(Number);
    for (unsigned long index = 0; index < many; ++index)
        count.sum += static_cast<double>(found[index]);
    count.values += many;
}

void read_values(DcmItem &item, Count &count);

void read_value(DcmElement &element, Count &count) {
    ++count.elements;
    switch (element.ident()) {
    case EVR_SQ: {
        auto &sequence = static_cast<DcmSequenceOfItems &>(element);
        DcmObject *found = nullptr;
        while ((found = sequence.nextInContainer(found)) != nullptr)
            read_values(*static_cast<DcmItem *>(found), count);
        break;
    }
    case EVR_DS: {
        OFVector<Float64> found;
        check(static_cast<DcmDecimalString &>(element).getFloat64Vector(found), "DS");
        for (Float64 number : found)
            count.sum += number;
        count.values += found.size();
        break;
    }
    case EVR_IS: {
        Sint32 number = 0;
        const unsigned long many = element.getVM();
        for (unsigned long index = 0; index < many; ++index) {
            check(element.getSint32(number, index), "IS");
            count.sum += number;
        }
        count.values += many;
        break;
    }
    case EVR_US: numbers<Uint16>(element, count, &DcmElement::getUint16Array); break;
    case EVR_SS: numbers<Sint16>(element, count, &DcmElement::getSint16Array); break;
    case EVR_UL: numbers<Uint32>(element, count, &DcmElement::getUint32Array); break;
    case EVR_SL: numbers<Sint32>(element, count, &DcmElement::getSint32Array); break;
    case EVR_FL: numbers<Float32>(element, count, &DcmElement::getFloat32Array); break;
    case EVR_FD: numbers<Float64>(element, count, &DcmElement::getFloat64Array); break;
    case EVR_OB:
    case EVR_OW:
    case EVR_PixelData: {  // pydicom, too, gives them as bytes in one piece
        Uint16 *words = nullptr;
        check(element.getUint16Array(words), "OW");
        count.sum += words == nullptr ? 0 : words[0];
        ++count.values;
        break;
    }
    default: {
        OFString text;
        const unsigned long many = element.getVM();
        for (unsigned long index = 0; index < many; ++index) {
            check(element.getOFString(text, index), "text");
            count.sum += static_cast<double>(text.size());
        }
        count.values += many;
    }
    }
}

void read_values(DcmItem &item, Count &count) {
    DcmObject *found = nullptr;
    while ((found = item.nextInContainer(found)) != nullptr)
        read_value(*static_cast<DcmElement *>(found), count);
}

size_t write(Loaded &loaded) {
    DcmOutputBufferStream stream(loaded.room.data(), static_cast<offile_off_t>(loaded.room.size()));
    loaded.dataset->transferInit();
    check(loaded.dataset->write(stream, loaded.syntax, EET_ExplicitLength, nullptr, EGL_withoutGL), "write");
    loaded.dataset->transferEnd();
    void *start = nullptr;
    offile_off_t length = 0;
    stream.flushBuffer(start, length);
    return static_cast<size_t>(length);
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    std::map<std::string, Loaded> all;
    std::string command, name, syntax;
    unsigned long number = 0;
    double kept = 0;
    std::cout << OFFIS_DCMTK_VERSION_STRING << std::endl;
    while (std::cin >> command >> name >> syntax >> number) {
        const std::string key = name + "/" + syntax;
        if (command == "load") {
            Loaded loaded;
            loaded.syntax = syntax == "implicit" ? EXS_LittleEndianImplicit : EXS_LittleEndianExplicit;
            loaded.bytes.resize(number);
            std::cin.get();  // the end of the line
            std::cin.read(&loaded.bytes[0], static_cast<std::streamsize>(number));
            loaded.dataset = parse(loaded);
            loaded.room.resize(number + 65536);
            Count count;
            read_values(*loaded.dataset, count);
            if (write(loaded) != number) {
                std::cerr << key << ": written again it has another length" << std::endl;
                return 1;
            }
            all[key] = std::move(loaded);
            std::cout << count.elements << " " << count.values << std::endl;
            continue;
        }
        Loaded &loaded = all.at(key);
        const auto begin = std::chrono::steady_clock::now();
        for (unsigned long turn = 0; turn < number; ++turn) {
            if (command == "write") {
                kept += static_cast<double>(write(loaded));
            } else {
                auto dataset = parse(loaded);
                if (command == "read") {
                    Count count;
                    read_values(*dataset, count);
                    kept += count.sum;
                }
            }
        }
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
        std::cout << taken.count() << std::endl;
    }
    return kept == 0.25;  // never so; but only somebody who has read all values can know
}
