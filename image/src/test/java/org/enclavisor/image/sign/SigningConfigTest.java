package org.enclavisor.image.sign;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.enclavisor.image.MalformedImageException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SigningConfigTest {
  private static SigningConfig parse(String body) {
    String xml = "<EnclaveConfiguration>" + body + "</EnclaveConfiguration>";
    return SigningConfig.parse(xml.getBytes(StandardCharsets.UTF_8), "test.xml");
  }

  private static void assertRefused(String body, String... fragments) {
    assertThatThrownBy(() -> parse(body)).isInstanceOf(MalformedImageException.class)
        .message().contains(fragments);
  }

  @Test
  void readsNumbersAsTheToolDoes() {
    SigningConfig config = parse("<!-- c --><ProdID> 017 </ProdID><ISVSVN>0x1F</ISVSVN><TCSNum>10</TCSNum>");

    assertThat(config.get(ConfigKey.PROD_ID)).isEqualTo(15);
    assertThat(config.get(ConfigKey.ISV_SVN)).isEqualTo(31);
    assertThat(config.tcsMaxNum()).isEqualTo(10);
    assertThat(config.heapInitSize()).isEqualTo(0x1000000);
    assertThat(config.has(ConfigKey.HEAP_MAX_SIZE)).isFalse();
  }

  @Test
  void knowsEveryKeyOfTheTool() {
    assertThat(Arrays.stream(ConfigKey.values()).map(ConfigKey::element)).hasSize(37).doesNotHaveDuplicates();
    assertThat(parse("<ISVFAMILYID_H>0xFFFFFFFFFFFFFFFF</ISVFAMILYID_H><EnableKSS>1</EnableKSS>")
        .get(ConfigKey.ISV_FAMILY_ID_H)).isEqualTo(-1);
  }

  @Test
  void namesAnUnknownKey() {
    assertRefused("<HeapMaxSiz>1</HeapMaxSiz>", "HeapMaxSiz", "a key of sgx_sign");
  }

  @ParameterizedTest
  @ValueSource(strings = {"<ProdID>-1</ProdID>", "<ProdID>1 2</ProdID>", "<ProdID></ProdID>", "<ProdID>0x</ProdID>",
      "<ProdID>08</ProdID>", "<ProdID>0x10000</ProdID>", "<ISVFAMILYID_H>0x10000000000000000</ISVFAMILYID_H>",
      "<ProdID>1</ProdID><ProdID>1</ProdID>", "<ProdID x='1'>1</ProdID>", "<ProdID><b/></ProdID>",
      "<HW>0x11</HW>", "<TCSPolicy>2</TCSPolicy>"})
  void refusesWhatTheToolRefuses(String body) {
    assertThatThrownBy(() -> parse(body)).isInstanceOf(MalformedImageException.class).message()
        .containsAnyOf("ProdID", "ISVFAMILYID_H", "HW", "TCSPolicy");
  }

  @ParameterizedTest
  @CsvSource({
      "StackMinSize, <StackMinSize>0x5000</StackMinSize><StackMaxSize>0x4000</StackMaxSize>",
      "HeapMaxSize, <HeapMaxSize>0x1001</HeapMaxSize>",
      "HeapInitSize, <HeapInitSize>0x2000</HeapInitSize><HeapMaxSize>0x1000</HeapMaxSize>",
      "HeapMinSize, <HeapMinSize>0x2000</HeapMinSize><HeapMaxSize>0x1000</HeapMaxSize>",
      "LaunchKey, <LaunchKey>1</LaunchKey>",
      "LaunchKey, <HW>1</HW>",
      "TCSMaxNum, <TCSNum>3</TCSNum><TCSMaxNum>2</TCSMaxNum>",
      "TCSMinPool, <TCSNum>3</TCSNum><TCSMinPool>4</TCSMinPool>",
      "EnableKSS, <ISVEXTPRODID_L>1</ISVEXTPRODID_L>",
      "ELRangeSize, <EnclaveImageAddress>0x1000</EnclaveImageAddress>",
      "MiscSelect, <UserRegionSize>0x1000</UserRegionSize>",
      "ReleaseType, <ReleaseType>1</ReleaseType>",
      "EnableOSSLFIPS, <EnableIPPFIPS>1</EnableIPPFIPS><EnableOSSLFIPS>1</EnableOSSLFIPS>",
      "ReservedMemMinSize, <ReservedMemMinSize>0x1000</ReservedMemMinSize>"})
  void checksKeysAgainstEachOther(String key, String body) {
    assertRefused(body, key + ": expected");
  }

  @ParameterizedTest
  @ValueSource(strings = {
      "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
          + "<EnclaveConfiguration><ProdID>&e;</ProdID></EnclaveConfiguration>",
      "<!DOCTYPE EnclaveConfiguration SYSTEM 'http://127.0.0.1:1/x.dtd'><EnclaveConfiguration/>",
      "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
          + "<EnclaveConfiguration><ProdID>&b;</ProdID></EnclaveConfiguration>",
      "<EnclaveConfiguration><ProdID>&undeclared;</ProdID></EnclaveConfiguration>",
      "<EnclaveConfiguration><ProdID>1</ProdID>", "<Other/>", "", "text",
      "<EnclaveConfiguration>text</EnclaveConfiguration>", "<EnclaveConfiguration a='b'/>"})
  void takesNoDtdNoEntityAndNothingElse(String xml) {
    assertThatThrownBy(() -> SigningConfig.parse(xml.getBytes(StandardCharsets.UTF_8), "hostile.xml"))
        .isInstanceOf(MalformedImageException.class).hasMessageContaining("hostile.xml");
  }
}
