package sample;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Calendar;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.pdfbox.Loader;
import org.apache.pdfbox.cos.COSArray;
import org.apache.pdfbox.cos.COSDictionary;
import org.apache.pdfbox.cos.COSName;
import org.apache.pdfbox.cos.COSStream;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.ExternalSigningSupport;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.PDSignature;
import org.apache.pdfbox.pdmodel.interactive.digitalsignature.SignatureOptions;

/**
 * Signs a PDF that never leaves this machine: only the digest of its ByteRange does.
 *
 * <p>BASE_URL=… CLIENT_ID=… CLIENT_SECRET=… java sample.SignPdf PHONE IN.pdf OUT.pdf [LEVEL]
 *
 * <p>LEVEL is B-B, B-T (default), B-LT or B-LTA. Needs PDFBox; everything else is the JDK's own.
 */
public final class SignPdf {
    private static final String BASE_URL = System.getenv("BASE_URL");
    private static final int ROOM = 32 * 1024;
    private static final Set<String> OPEN = Set.of("created", "asked", "claimed", "completing");
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    /** What fills /Contents, from the digest of everything else. */
    private interface Content {
        byte[] of(byte[] digest) throws IOException, InterruptedException;
    }

    private SignPdf() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        String phone = arguments[0];
        Path source = Path.of(arguments[1]);
        String level = arguments.length > 3 ? arguments[3] : "B-T";
        String[] answer = new String[1];
        byte[] signed = withField(Files.readAllBytes(source), PDSignature.SUBFILTER_ETSI_CADES_DETACHED, digest -> {
            answer[0] = sign(phone, source.getFileName().toString(), digest, level);
            return base64(member(answer[0], "result"));
        });
        if (answer[0].contains("\"certificates\"")) {
            signed = withStore(signed, answer[0]);
        }
        if (level.equals("B-LTA")) {
            signed = withField(signed, COSName.getPDFName("ETSI.RFC3161"), SignPdf::timestamp);
        }
        Files.write(Path.of(arguments[2]), signed);
    }

    private static String sign(String phone, String name, byte[] digest, String level)
            throws IOException, InterruptedException {
        String item = "{\"kind\": \"pades-digest\", \"name\": \"%s\", \"digest\": \"%s\", \"level\": \"%s\"}"
                .formatted(name, Base64.getEncoder().encodeToString(digest), level);
        String started = call("POST", "/signatures",
                "{\"citizen\": {\"phone\": \"%s\"}, \"items\": [%s]}".formatted(phone, item));
        System.out.println("id " + member(started, "id"));
        System.out.println("authorise " + member(started, "authorisation_url"));
        while (true) {
            String found = call("GET", "/signatures/" + member(started, "id") + "?wait=20", null);
            String state = member(found, "state");
            if (state.equals("signed")) {
                return found;
            }
            if (!OPEN.contains(state)) {
                throw new IllegalStateException("not signed: " + state);
            }
        }
    }

    private static String call(String method, String path, String body) throws IOException, InterruptedException {
        String secret = System.getenv("CLIENT_ID") + ":" + System.getenv("CLIENT_SECRET");
        HttpRequest request = HttpRequest.newBuilder(URI.create(BASE_URL + "/api/v1" + path))
                .header("Authorization", "Basic " + Base64.getEncoder().encodeToString(secret.getBytes()))
                .header("Content-Type", "application/json")
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
                .build();
        var answer = HTTP.send(request, BodyHandlers.ofString());
        if (answer.statusCode() >= 300) {
            throw new IOException(answer.statusCode() + " " + answer.body());
        }
        return answer.body();
    }

    /** A further revision with a signature field; what is there stays as it is. */
    private static byte[] withField(byte[] pdf, COSName kind, Content content)
            throws IOException, InterruptedException {
        try (PDDocument document = Loader.loadPDF(pdf); SignatureOptions options = new SignatureOptions()) {
            boolean isStamp = kind.getName().equals("ETSI.RFC3161");
            PDSignature signature = new PDSignature();
            signature.setFilter(PDSignature.FILTER_ADOBE_PPKLITE);
            signature.setSubFilter(kind);
            if (isStamp) {
                signature.setType(COSName.DOC_TIME_STAMP);
            } else {
                signature.setSignDate(Calendar.getInstance());
            }
            options.setPreferredSignatureSize(ROOM);
            document.addSignature(signature, options);
            ByteArrayOutputStream output = new ByteArrayOutputStream();
            ExternalSigningSupport signing = document.saveIncrementalForExternalSigning(output);
            signing.setSignature(content.of(digestOf(signing.getContent())));
            return output.toByteArray();
        }
    }

    private static byte[] digestOf(InputStream content) throws IOException {
        try (content) {
            return MessageDigest.getInstance("SHA-256").digest(content.readAllBytes());
        } catch (java.security.NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** The validation data of the answer in a DSS (ISO 32000-2, 12.8.4.3). */
    private static byte[] withStore(byte[] pdf, String answer) throws IOException {
        try (PDDocument document = Loader.loadPDF(pdf)) {
            COSDictionary store = new COSDictionary();
            put(document, store, "Certs", members(answer, "certificates"));
            put(document, store, "OCSPs", members(answer, "ocsp_responses"));
            put(document, store, "CRLs", members(answer, "crls"));
            store.setNeedToBeUpdated(true);
            COSDictionary catalogue = document.getDocumentCatalog().getCOSObject();
            catalogue.setItem(COSName.getPDFName("DSS"), store);
            catalogue.setNeedToBeUpdated(true);
            ByteArrayOutputStream output = new ByteArrayOutputStream();
            document.saveIncremental(output);
            return output.toByteArray();
        }
    }

    private static void put(PDDocument document, COSDictionary store, String key, List<byte[]> values)
            throws IOException {
        if (values.isEmpty()) {
            return;
        }
        COSArray list = new COSArray();
        for (byte[] value : values) {
            COSStream stream = document.getDocument().createCOSStream();
            try (OutputStream content = stream.createOutputStream()) {
                content.write(value);
            }
            stream.setNeedToBeUpdated(true);
            list.add(stream);
        }
        list.setNeedToBeUpdated(true);
        store.setItem(COSName.getPDFName(key), list);
    }

    /** RFC 3161: a request is a fixed prefix around the SHA-256 digest, certReq set. */
    private static byte[] timestamp(byte[] digest) throws IOException, InterruptedException {
        ByteArrayOutputStream request = new ByteArrayOutputStream();
        request.write(HexFormat.of().parseHex("30390201013031300d060960864801650304020105000420"));
        request.write(digest);
        request.write(HexFormat.of().parseHex("0101ff"));
        var answer = HTTP.send(
                HttpRequest.newBuilder(URI.create(BASE_URL + "/pki/tsa"))
                        .header("Content-Type", "application/timestamp-query")
                        .POST(BodyPublishers.ofByteArray(request.toByteArray()))
                        .build(),
                BodyHandlers.ofByteArray());
        byte[] response = answer.body();
        int status = contentOf(response, 0);
        int end = contentOf(response, status) + lengthOf(response, status);
        if (answer.statusCode() != 200 || response[contentOf(response, status) + 2] > 1) {
            throw new IOException("no time-stamp");
        }
        return Arrays.copyOfRange(response, end, response.length);
    }

    private static int contentOf(byte[] der, int at) {
        return at + 2 + (der[at + 1] < 0 ? der[at + 1] & 0x7f : 0);
    }

    private static int lengthOf(byte[] der, int at) {
        if (der[at + 1] >= 0) {
            return der[at + 1];
        }
        int length = 0;
        for (int position = at + 2; position < contentOf(der, at); position++) {
            length = length << 8 | der[position] & 0xff;
        }
        return length;
    }

    // The few members needed here; a program of yours has a JSON library.

    private static String member(String json, String name) {
        var found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(json);
        if (!found.find()) {
            throw new IllegalStateException("the answer has no " + name);
        }
        return found.group(1);
    }

    private static List<byte[]> members(String json, String name) {
        List<byte[]> values = new ArrayList<>();
        var list = Pattern.compile("\"" + name + "\"\\s*:\\s*\\[([^\\]]*)\\]").matcher(json);
        if (list.find()) {
            var value = Pattern.compile("\"([^\"]*)\"").matcher(list.group(1));
            while (value.find()) {
                values.add(base64(value.group(1)));
            }
        }
        return values;
    }

    private static byte[] base64(String text) {
        return Base64.getDecoder().decode(text);
    }
}
