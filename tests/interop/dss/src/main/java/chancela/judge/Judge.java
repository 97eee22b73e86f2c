package chancela.judge;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import org.jose4j.json.JsonUtil;
import org.jose4j.lang.JoseException;

/**
 * Validates many files in one process: {@code java chancela.judge.Judge job.json verdicts.jsonl}.
 *
 * <p>The job names anchors, an optional trusted list and the files (see {@link Job}); one line of
 * JSON per file comes out, in their order (see {@link Verdict}). A file that cannot be read gets a
 * line with {@code failure}; the exit code tells only whether the job itself was done.
 */
public final class Judge {
    private Judge() {
    }

    public static void main(String[] arguments) throws IOException, JoseException {
        Job job = Job.read(Path.of(arguments[0]));
        Trust trust = new Trust(job);
        try (BufferedWriter verdicts = Files.newBufferedWriter(Path.of(arguments[1]))) {
            // One after the other: the validator's JSON schemas do not bear several threads.
            for (Job.Case one : job.cases()) {
                verdicts.write(JsonUtil.toJson(Verdict.on(one, trust)));
                verdicts.newLine();
            }
        }
    }
}
