# Run by the target offline_bundle: writes BINARY/NAME.tar.gz.
set(folder "${BINARY}/offline_bundle/${NAME}")
set(archive "${BINARY}/${NAME}.tar.gz")
file(REMOVE_RECURSE "${BINARY}/offline_bundle")
file(REMOVE "${archive}")
file(MAKE_DIRECTORY "${folder}/offline/include" "${folder}/offline/lib/cmake")

# Sources: what git knows, or without git all but what builds leave behind.
find_program(GIT git)
execute_process(COMMAND "${GIT}" -C "${SOURCE}" ls-files -z --cached --others --exclude-standard
                OUTPUT_FILE "${BINARY}/offline_bundle/files" ERROR_QUIET RESULT_VARIABLE no_git)
if(no_git)
  file(COPY "${SOURCE}/" DESTINATION "${folder}" PATTERN build EXCLUDE PATTERN .deps EXCLUDE PATTERN .git EXCLUDE
       PATTERN offline EXCLUDE)
  file(COPY "${SOURCE}/cmake/offline" DESTINATION "${folder}/cmake")
else()
  execute_process(COMMAND ${CMAKE_COMMAND} -E chdir "${SOURCE}" tar -cf "${BINARY}/offline_bundle/files.tar" --null
                          --ignore-failed-read -T "${BINARY}/offline_bundle/files"
                  COMMAND_ERROR_IS_FATAL ANY ERROR_QUIET)
  file(ARCHIVE_EXTRACT INPUT "${BINARY}/offline_bundle/files.tar" DESTINATION "${folder}")
endif()

function(require path what)
  if(NOT path OR NOT EXISTS "${path}")
    message(FATAL_ERROR "offline_bundle needs ${what}, which is not on this machine")
  endif()
endfunction()

foreach(pair IN ITEMS "${JSON}|nlohmann" "${FMT}|fmt" "${SPDLOG}|spdlog" "${CATCH2}|catch2" "${OPENSSL}|openssl")
  string(REPLACE "|" ";" pair "${pair}")
  list(GET pair 0 from)
  list(GET pair 1 name)
  require("${from}/${name}" "the headers of ${name}")
  file(COPY "${from}/${name}" DESTINATION "${folder}/offline/include" FOLLOW_SYMLINK_CHAIN)
endforeach()
if(MULTIARCH AND EXISTS "${OPENSSL}/${MULTIARCH}/openssl")  # Debian keeps the configured ones apart
  file(COPY "${OPENSSL}/${MULTIARCH}/openssl" DESTINATION "${folder}/offline/include" FOLLOW_SYMLINK_CHAIN)
endif()
require("${SQLITE}/sqlite3.h" "SQLite's header")
file(COPY "${SQLITE}/sqlite3.h" DESTINATION "${folder}/offline/include")

# A shared library would need others of its machine: the static one beside it is taken.
foreach(library IN ITEMS "${SQLITE_LIBRARY}" "${CRYPTO_LIBRARY}")
  string(REGEX REPLACE "\\.so(\\..*)?$" ".a" static "${library}")
  require("${static}" "the static library ${static}")
  file(COPY "${static}" DESTINATION "${folder}/offline/lib" FOLLOW_SYMLINK_CHAIN)
endforeach()

file(COPY "${SOURCE}/cmake/offline/packages.cmake" DESTINATION "${folder}/offline/lib/cmake")
foreach(package IN ITEMS nlohmann_json fmt spdlog Catch2)
  file(WRITE "${folder}/offline/lib/cmake/${package}/${package}Config.cmake"
       "include(\"\${CMAKE_CURRENT_LIST_DIR}/../packages.cmake\")\n")
  # Any version that is asked for: the one that assay was built with is here.
  file(WRITE "${folder}/offline/lib/cmake/${package}/${package}ConfigVersion.cmake"
       "set(PACKAGE_VERSION 999)\nset(PACKAGE_VERSION_COMPATIBLE TRUE)\n")
endforeach()

execute_process(COMMAND ${CMAKE_COMMAND} -E chdir "${BINARY}/offline_bundle" ${CMAKE_COMMAND} -E tar czf "${archive}" "${NAME}"
                COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE "${BINARY}/offline_bundle")
file(SIZE "${archive}" bytes)
math(EXPR mebibytes "(${bytes} + 1048575) / 1048576")
if(mebibytes GREATER 40)
  message(FATAL_ERROR "${archive} takes ${mebibytes} MiB: more than the 40 that mail and tickets take")
endif()
message(STATUS "${archive} (${mebibytes} MiB)")
