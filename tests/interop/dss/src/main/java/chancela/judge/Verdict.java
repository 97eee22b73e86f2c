package chancela.judge;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.diagnostic.TimestampWrapper;
import eu.europa.esig.dss.diagnostic.jaxb.XmlCommitmentTypeIndication;
import eu.europa.esig.dss.diagnostic.jaxb.XmlSignerRole;
import eu.europa.esig.dss.enumerations.ASiCContainerType;
import eu.europa.esig.dss.enumerations.SubIndication;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.simplereport.jaxb.XmlSignatureScope;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;

/** What the validator says about one file, as a JSON object. */
final class Verdict {
    private Verdict() {
    }

    static Map<String, Object> on(Job.Case one, Trust trust) {
        Map<String, Object> verdict = new LinkedHashMap<>();
        verdict.put("name", one.name());
        try {
            SignedDocumentValidator validator =
                    SignedDocumentValidator.fromDocument(new FileDocument(one.file().toFile()));
            validator.setCertificateVerifier(trust.verifier(one.listed()));
            validator.setSignaturePolicyProvider(trust.policyProvider());
            if (!one.contents().isEmpty()) {
                validator.setDetachedContents(one.contents());
            }
            Reports reports = validator.validateDocument();
            SimpleReport report = reports.getSimpleReport();
            List<Object> signatures = new ArrayList<>();
            for (String id : report.getSignatureIdList()) {
                signatures.add(signature(id, report, reports.getDiagnosticData()));
            }
            verdict.put("signatures", signatures);
        } catch (RuntimeException | StackOverflowError failure) {
            // Altered files may break anything inside; the test decides what that means.
            verdict.put("signatures", List.of());
            verdict.put("failure", String.valueOf(failure));
        }
        return verdict;
    }

    private static Map<String, Object> signature(
            String id, SimpleReport report, DiagnosticData data) {
        Map<String, Object> said = new LinkedHashMap<>();
        SignatureWrapper found = data.getSignatureById(id);
        SubIndication sub = report.getSubIndication(id);
        said.put("indication", report.getIndication(id).name());
        said.put("sub_indication", sub == null ? null : sub.name());
        said.put("level", report.getSignatureFormat(id).name());
        ASiCContainerType container = report.getContainerType();
        said.put("container", container == null ? null : container.name());
        said.put("qualification", report.getSignatureQualification(id).name());
        said.put("errors", messages(report.getAdESValidationErrors(id)));
        said.put("warnings", messages(report.getAdESValidationWarnings(id)));
        said.put("qualification_messages", messages(report.getQualificationErrors(id)));
        said.put("claimed_roles", roles(found.getClaimedRoles()));
        said.put("certified_roles", roles(found.getCertifiedRoles()));
        said.put("commitments", commitments(found.getCommitmentTypeIndications()));
        said.put("policy", found.isPolicyPresent() ? found.getPolicyId() : null);
        said.put("policy_matches", found.isPolicyPresent() && found.isPolicyDigestValid());
        said.put("city", found.getCity());
        said.put("country", found.getCountryName());
        said.put("timestamps", timestamps(found.getTimestampList()));
        said.put("scopes", scopes(report.getSignatureScopes(id)));
        return said;
    }

    private static List<String> messages(List<Message> messages) {
        return messages.stream().map(one -> one.getKey() + ": " + one.getValue()).toList();
    }

    private static List<String> roles(List<XmlSignerRole> roles) {
        return roles.stream().map(XmlSignerRole::getRole).toList();
    }

    private static List<String> commitments(List<XmlCommitmentTypeIndication> commitments) {
        return commitments.stream().map(XmlCommitmentTypeIndication::getIdentifier).toList();
    }

    private static List<String> timestamps(List<TimestampWrapper> timestamps) {
        return timestamps.stream().map(one -> one.getType().name()).toList();
    }

    private static List<String> scopes(List<XmlSignatureScope> scopes) {
        return scopes.stream().map(XmlSignatureScope::getName).toList();
    }
}
