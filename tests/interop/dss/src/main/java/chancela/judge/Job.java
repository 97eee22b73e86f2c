package chancela.judge;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.DigestDocument;
import eu.europa.esig.dss.model.FileDocument;
import org.jose4j.json.JsonUtil;
import org.jose4j.lang.JoseException;

/**
 * What to validate, and against what.
 *
 * <p>{@code {"anchors": [path], "policies": {identifier: path}, "list": {"url", "signer": path},
 * "cases": [{"name", "file": path, "listed": boolean, "contents": [{"name", "path"} or
 * {"name", "sha256": base64}]}]}}; {@code list} may be missing.
 */
record Job(
        List<Path> anchors,
        Map<String, DSSDocument> policies,
        String listUrl,
        Path listSigner,
        List<Case> cases) {

    /** One file; {@code listed}: trust what is on the trusted list instead of the anchors. */
    record Case(String name, Path file, boolean listed, List<DSSDocument> contents) {
    }

    static Job read(Path path) throws IOException, JoseException {
        Map<String, Object> fields = JsonUtil.parseJson(Files.readString(path));
        List<Path> anchors = new ArrayList<>();
        for (Object anchor : array(fields, "anchors")) {
            anchors.add(Path.of((String) anchor));
        }
        Map<String, DSSDocument> policies = new LinkedHashMap<>();
        object(fields.get("policies")).forEach(
                (identifier, file) -> policies.put(identifier, new FileDocument((String) file)));
        Map<String, Object> list = object(fields.get("list"));
        List<Case> cases = new ArrayList<>();
        for (Object one : array(fields, "cases")) {
            cases.add(readCase(object(one)));
        }
        String signer = (String) list.get("signer");
        return new Job(
                anchors,
                policies,
                (String) list.get("url"),
                signer == null ? null : Path.of(signer),
                cases);
    }

    private static Case readCase(Map<String, Object> fields) {
        List<DSSDocument> contents = new ArrayList<>();
        for (Object one : array(fields, "contents")) {
            contents.add(readContent(object(one)));
        }
        return new Case(
                (String) fields.get("name"),
                Path.of((String) fields.get("file")),
                Boolean.TRUE.equals(fields.get("listed")),
                contents);
    }

    private static DSSDocument readContent(Map<String, Object> fields) {
        String digest = (String) fields.get("sha256");
        DSSDocument content = digest == null
                ? new FileDocument((String) fields.get("path"))
                : new DigestDocument(DigestAlgorithm.SHA256, digest);
        content.setName((String) fields.get("name"));
        return content;
    }

    private static List<?> array(Map<String, Object> fields, String name) {
        return fields.get(name) == null ? List.of() : (List<?>) fields.get(name);
    }

    @SuppressWarnings("unchecked") // The keys of a JSON object are strings.
    private static Map<String, Object> object(Object value) {
        return value == null ? Map.of() : (Map<String, Object>) value;
    }
}
